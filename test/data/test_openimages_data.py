# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_videos import draw, painted, write_image

from vis_ros.data.openimages_data import OpenImagesData, read_class_names, read_mapping

HEADER = 'MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks'
NAMES = '/m/01,Person\n/m/02,Man\n/m/03,"Cat, big"\n/m/04,Tree\n'
MAPPING = {'Cat, big': 'cat', 'Person': 'person', 'Man': 'person'}
LARGE, SMALL = (4, 2, 20, 16), (10, 6, 6, 6)
PICTURE = painted((24, 40), [[LARGE, SMALL]])


def row(mask, image, label):
    return f'{mask},{image},{label},b0,0.1,0.5,0.1,0.5,0.9,'


ROWS = [
    row('b_large.png', 'bb', '/m/02'),
    row('a.png', 'aa', '/m/03'),
    row('b_small.png', 'bb', '/m/03'),
    row('b_tree.png', 'bb', '/m/04'),
    row('c.png', 'cc', '/m/04'),
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'masks.csv').write_text('\n'.join([HEADER, *ROWS]) + '\n')
    (tmp_path / 'classes.csv').write_text(NAMES)
    (tmp_path / 'masks').mkdir()
    for name in ('aa', 'bb'):
        write_image(tmp_path / f'images/{name}.jpg', PICTURE.images[0])
    large, small = np.zeros((2, 24, 40), np.uint8)
    large[2:18, 4:24] = small[6:12, 10:16] = 255
    cv2.imwrite(str(tmp_path / 'masks/a.png'), large)
    cv2.imwrite(str(tmp_path / 'masks/b_large.png'), large)
    half = cv2.resize(small, (20, 12), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / 'masks/b_small.png'), half)  # of another size than the image
    return tmp_path


def open_data(folder, mapping=MAPPING):
    return OpenImagesData(
        folder / 'masks.csv',
        folder / 'classes.csv',
        images=folder / 'images',
        masks=folder / 'masks',
        mapping=mapping,
    )


def test_images_with_wanted_objects_are_read(folder):
    data = open_data(folder)
    assert data.classes == ('cat', 'person')
    assert data.image_ids == ('bb', 'aa')
    assert data.lengths == (1, 1)
    clip = data.clip(0, [0])
    assert clip.class_ids.tolist() == [1, 0]
    assert np.array_equal(clip.labels, PICTURE.labels)
    assert clip.images.shape == (1, 24, 40, 3)
    inner = clip.images[0, 14:16, 6:22].reshape(-1, 3).mean(axis=0)  # within the large object
    assert np.abs(inner - draw(np.array(1))).max() < 12
    assert data.clip(1, [0]).class_ids.tolist() == [0]


def test_an_image_has_one_frame_that_may_be_repeated(folder):
    data = open_data(folder)
    assert data.clip(0, [0, 0]).labels.shape == (2, 24, 40)
    for frames in ([], [1]):
        with pytest.raises(ValueError, match='expected zeros'):
            data.clip(0, frames)


def test_only_files_of_wanted_objects_are_needed(folder):
    assert open_data(folder, {'Person': 'person', 'Man': 'person'}).image_ids == ('bb',)
    (folder / 'masks/a.png').unlink()
    with pytest.raises(ValueError, match=r'masks: 1 of 3 files are missing: a\.png'):
        open_data(folder)
    (folder / 'images/aa.jpg').unlink()
    with pytest.raises(ValueError, match=r'images: 1 of 2 files are missing: aa\.jpg'):
        open_data(folder)
    with pytest.raises(ValueError, match='nowhere: expected a folder'):
        OpenImagesData(
            folder / 'masks.csv',
            folder / 'classes.csv',
            images=folder / 'nowhere',
            masks=folder,
            mapping=MAPPING,
        )


def test_names_that_are_not_there_are_refused(folder):
    with pytest.raises(ValueError, match="'Persn' is no name of .*did you mean 'Person'"):
        open_data(folder, {'Persn': 'person'})
    with pytest.raises(ValueError, match=r'masks\.csv: no mask of Person'):
        open_data(folder, {'Person': 'person'})
    with pytest.raises(ValueError, match='no mask of no class'):
        open_data(folder, {})


@pytest.mark.parametrize(
    ('text', 'fault'),
    [
        ('', r'masks\.csv: expected the columns .*MaskPath'),
        ('MaskPath,ImageID\n', r'expected the columns .*LabelName.*, got'),
        (f'{HEADER}\na.png,aa\n', r'masks\.csv:2: expected 10 values, got 2'),
        (f'{HEADER}\n{ROWS[0]}\n{row("a.png", "aa", "/m/99")}\n', r"masks\.csv:3: '/m/99' is not"),
        (
            '\n'.join([HEADER] + [row('a.png', 'aa', '/m/03')] * 255),
            'image aa: expected at most 254 objects, got 255',
        ),
    ],
)
def test_a_faulty_file_of_masks_is_named(folder, text, fault):
    (folder / 'masks.csv').write_text(text)
    with pytest.raises(ValueError, match=fault):
        open_data(folder)


def test_damaged_files_are_named(folder):
    data = open_data(folder)
    (folder / 'masks/a.png').write_bytes(b'')
    with pytest.raises(ValueError, match=r'a\.png: '):
        data.clip(1, [0])
    (folder / 'images/aa.jpg').unlink()
    with pytest.raises(ValueError, match=r'aa\.jpg'):
        data.clip(1, [0])


def test_class_names_may_have_a_header(folder):
    path = folder / 'classes.csv'
    plain = read_class_names(path)
    assert plain['/m/03'] == 'Cat, big'
    path.write_text('LabelName,DisplayName\n' + NAMES)
    assert read_class_names(path) == plain
    path.write_text(NAMES + '/m/05\n')
    with pytest.raises(ValueError, match=r'classes\.csv:5: expected label and name'):
        read_class_names(path)


def test_a_mapping_is_read_from_yaml(tmp_path):
    path = tmp_path / 'mapping.yaml'
    path.write_text('Person: person\nGiant panda: giant_panda\n')
    assert read_mapping(path) == {'Person': 'person', 'Giant panda': 'giant_panda'}
    for text in ('', '- Person\n', 'Person: 3\n', 'Person: [a]\n', 'Person: a: b\n'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r'mapping\.yaml: '):
            read_mapping(path)


def test_the_mapping_of_the_guide_is_one(tmp_path):
    guide = (Path(__file__).parents[2] / 'docs/data.md').read_text()
    (text,) = re.findall(r'```yaml\n(.*?)```', guide, re.DOTALL)
    path = tmp_path / 'mapping.yaml'
    path.write_text(text)
    mapping = read_mapping(path)
    assert len(mapping) == text.count('\n')
    assert len(set(mapping.values())) == 39  # YouTube-VIS 2019 has 40
