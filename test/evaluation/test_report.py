# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import base64
import re
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest
from tiny_data import FIRST, HEIGHT, LENGTH, SECOND, WIDTH, data_set, load, result, truth

pytest.importorskip('motmetrics')
pytest.importorskip('trackeval', reason='NO TRACKEVAL: pip install --no-deps trackeval')

from vis_ros.evaluation.evaluation import evaluate
from vis_ros.evaluation.report import write_report
from vis_ros.evaluation.report_curves import curves_of
from vis_ros.evaluation.report_pictures import worst_frame
from vis_ros.evaluation.report_timeline import FALSE, MISSED, colour_of, timeline_svg
from vis_ros.evaluation.tracking import Event

HERE = [FIRST] * LENGTH
PARTS = [
    result(0.9, [FIRST, FIRST, None, None]),
    result(0.8, [None, None, None, FIRST]),
    result(0.7, [None, None, SECOND, None]),
]


def make(folder, truths, results, **options):
    annotations, found = load(folder, truths, results)
    return evaluate(annotations, found, **options)


def report(folder, evaluation, **options):
    path = folder / 'report.html'
    write_report(path, evaluation, title='a < b', **options)
    return path.read_text()


def svgs(page):
    return [ElementTree.fromstring(text) for text in re.findall(r'<svg.*?</svg>', page)]


def pictures(page):
    for text in re.findall(r'src="data:image/png;base64,([^"]*)"', page):
        yield cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)


def test_nothing_to_report(tmp_path):
    page = report(tmp_path, make(tmp_path, data_set([], videos=()), []))
    assert 'No category has a true track' in page
    assert '<title>a &lt; b</title>' in page
    assert svgs(page) == []


def test_a_video_without_frames(tmp_path):
    data = data_set([])
    data['videos'][0].update(length=0, file_names=[])
    assert 'Videos' in report(tmp_path, make(tmp_path, data, []))


def test_only_ap(tmp_path):
    page = report(tmp_path, make(tmp_path, data_set([truth(1, HERE)]), [], with_tracking=False))
    assert 'IDF1' not in page
    assert len(svgs(page)) == 2  # all categories, and the only one with a true track


def test_the_page_needs_nothing_else_and_escapes_names(tmp_path):
    data = data_set([truth(1, HERE)], videos=(1, 2))
    data['categories'][0]['name'] = '<script>'
    data['videos'][0]['file_names'][0] = '<b>/0.jpg'
    page = report(tmp_path, make(tmp_path, data, PARTS))
    assert '<script' not in page
    assert '<b>/' not in page
    assert '&lt;script&gt;' in page
    assert re.findall(r'(?:src|href)="(?!data:image/png;base64,|#v\d)', page) == []
    assert 'http' not in page


def test_the_time_line_shows_matches_misses_and_switches(tmp_path):
    evaluation = make(tmp_path, data_set([truth(1, HERE)]), PARTS)
    (video,) = evaluation.tracking.videos
    events = evaluation.tracking.mot.events[1]
    root = ElementTree.fromstring(timeline_svg(video, events, ['t'], ['r0', 'r1', 'r2']))
    cells = [(r.get('fill'), r[0].text) for r in root.iter('rect')]
    assert cells == [
        (colour_of(0), 'frame 0 to 1: r0'),
        (MISSED, 'frame 2: missed'),
        (colour_of(1), 'frame 3: r1'),
        (colour_of(0), 'frame 0 to 1: t'),
        (colour_of(1), 'frame 3: t'),
        (FALSE, 'frame 2: false positive'),
    ]
    marks = [mark[0].text for mark in root.iter('path')]
    assert marks == ['identity switch in frame 3']


def test_the_worst_frame():
    assert worst_frame([]) == 0
    match, miss = Event(0, 'match', 0, 0), Event(1, 'miss', 0, None)
    assert worst_frame([match]) == 0
    assert worst_frame([match, miss]) == 1
    assert worst_frame([match, miss, Event(2, 'miss', 0, None)]) == 1
    assert worst_frame([miss, Event(2, 'miss', 0, None), Event(2, 'false', None, 1)]) == 2


def test_pictures_of_the_worst_frame(tmp_path):
    evaluation = make(tmp_path, data_set([truth(1, HERE)]), PARTS)
    (dark,) = pictures(report(tmp_path, evaluation))
    assert dark.shape == (HEIGHT, 2 * WIDTH + 6, 3)
    assert dark[0, 0].tolist() == [40, 40, 40]
    assert dark[7, 9].min() > 100  # frame 2: the true object is missed, so white
    blue, green, red = dark[17, WIDTH + 6 + 29].tolist()  # and something else found, so red
    assert red > 100 > max(blue, green)
    (tmp_path / 'v1').mkdir()
    cv2.imwrite(str(tmp_path / 'v1' / '2.jpg'), np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    (bright,) = pictures(report(tmp_path, evaluation, images=tmp_path))
    assert abs(int(bright[0, 0, 0]) - 200) < 5


def test_wide_pictures_are_made_smaller(tmp_path):
    data = data_set([])
    data['videos'][0].update(height=100, width=840)
    whole = {'size': [100, 840], 'counts': [0, 84000]}
    found = result(1.0, [], segmentations=[whole] * LENGTH)
    (picture,) = pictures(report(tmp_path, make(tmp_path, data, [found])))
    assert picture.shape == (50, 846, 3)


def test_no_picture_from_outside_of_the_folder(tmp_path):
    data = data_set([truth(1, HERE)])
    data['videos'][0]['file_names'] = ['../secret.png'] * LENGTH
    cv2.imwrite(str(tmp_path / 'secret.png'), np.full((HEIGHT, WIDTH, 3), 200, np.uint8))
    (tmp_path / 'images').mkdir()
    page = report(tmp_path, make(tmp_path, data, PARTS), images=tmp_path / 'images')
    assert next(pictures(page))[0, 0].tolist() == [40, 40, 40]


def test_curves(tmp_path):
    evaluation = make(tmp_path, data_set([truth(1, HERE)]), PARTS)
    curves = curves_of(evaluation.ap)
    assert curves['IoU 0.5'].tolist() == pytest.approx([1.0] * 101)
    assert curves['IoU 0.75'].tolist() == [0.0] * 101
    assert curves_of(evaluation.ap, 1) == {}
