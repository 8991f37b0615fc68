# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
import json
import sys

import pytest
from footage import vis_ros

pytest.importorskip('motmetrics')
pytest.importorskip('trackeval', reason='NO TRACKEVAL: pip install --no-deps trackeval')

COUNTS = {'size': [2, 3], 'counts': [1, 2, 3]}
TRUTH = {
    'videos': [{'id': 4, 'height': 2, 'width': 3, 'length': 1, 'file_names': ['a.jpg']}],
    'categories': [{'id': 1, 'name': 'cat'}],
    'annotations': [
        {'id': 1, 'video_id': 4, 'category_id': 1, 'segmentations': [COUNTS], 'areas': [2]}
    ],
}
RESULT = {'video_id': 4, 'category_id': 1, 'score': 0.9, 'segmentations': [COUNTS]}


@pytest.fixture
def files(tmp_path):
    """Return a maker of both files: `files(results)` gives their names as arguments."""

    def make(results):
        (tmp_path / 'gt.json').write_text(json.dumps(TRUTH))
        (tmp_path / 'results.json').write_text(json.dumps(results))
        return str(tmp_path / 'gt.json'), str(tmp_path / 'results.json')

    return make


def test_without_results(files, capsys):
    assert vis_ros('evaluate', *files([])) == 0
    text = capsys.readouterr().out
    assert 'AP 0.0000' in text
    assert 'APl -1' in text


def test_all_outputs(files, tmp_path, capsys):
    unknown = {**RESULT, 'category_id': 7, 'score': 0.1}
    names = files([RESULT, unknown])
    out, page = tmp_path / 'out.json', tmp_path / 'out.html'
    assert vis_ros('evaluate', *names, '--json', str(out), '--html', str(page)) == 0
    text = capsys.readouterr().out
    assert 'AP 1.0000' in text
    assert 'switches 0' in text
    assert '1 results are of categories' in text
    document = json.loads(out.read_text())
    ones = ('AP', 'AP50', 'AP75', 'APs', 'AR1', 'AR10', 'AR100', 'IDF1', 'MOTA', 'IDP', 'IDR')
    assert [document[key] for key in (*ones, 'HOTA')] == pytest.approx([1.0] * 12)
    assert [document[key] for key in ('APm', 'APl', 'switches')] == [-1, -1, 0]
    assert document['results_of_unknown_categories'] == 1
    assert document['by_category'] == [{'id': 1, 'name': 'cat', 'AP': pytest.approx(1)}]
    assert 'results.json against gt.json' in page.read_text()


def test_only_ap_needs_no_tracking_library(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'motmetrics', None)
    names = files([RESULT])
    assert vis_ros('evaluate', *names) == 2
    assert "pip install 'vis_ros[evaluation]'" in capsys.readouterr().err
    out = tmp_path / 'out.json'
    assert vis_ros('evaluate', *names, '--only-ap', '--json', str(out)) == 0
    assert 'IDF1' not in json.loads(out.read_text())


@pytest.mark.parametrize(
    ('result', 'text'),
    [
        ({**RESULT, 'video_id': 5}, 'results.json: [0].video_id: expected the id of one of'),
        ({**RESULT, 'segmentations': []}, '[0].segmentations: expected 1 entries'),
        (3, 'results.json: [0]: expected an object with keys, got 3'),
    ],
)
def test_wrong_results_end_with_2(files, result, text, capsys):
    assert vis_ros('evaluate', *files([result])) == 2
    assert text in capsys.readouterr().err


def test_other_faults_end_with_2(files, tmp_path, capsys):
    truth, results = files([])
    assert vis_ros('evaluate', str(tmp_path / 'none.json'), results) == 2
    assert 'none.json' in capsys.readouterr().err
    assert vis_ros('evaluate', truth, results, '--images', str(tmp_path)) == 2
    assert '--images: only the report' in capsys.readouterr().err
    assert vis_ros('evaluate', truth, results, '--json', str(tmp_path / 'no' / 'x.json')) == 2
