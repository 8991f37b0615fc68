# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names of the official RGNNVIS checkpoints, as ours.

Source: joakimjohnander/RGNNVIS at 24a07f8.
"""

from __future__ import annotations

from vis_ros.nn.renaming import Rule
from vis_ros.nn.yolact.official import RGNNVIS_RULES as DETECTOR_RULES

_MATCHER = r'track_detection_matcher\.'
_LAYER = _MATCHER + r'layers\.(\d)\.'
_OURS = {
    'bkgdet': 'empty_edge',
    'trkdet': 'track_edge',
    'bkg': 'empty',
    'trk': 'track',
    'det': 'detection',
}
_GATES = {
    r'bkg\.bkgdet': 'gate_empty',
    r'trk\.trkdet': 'gate_track',
    r'det\.bkgdet': 'gate_empty_detection',
    r'det\.trkdet': 'gate_track_detection',
}
_HEADS = {'mean_eta': 'mean_rate', 'var_eta': 'variance_rate', 'var_new': 'new_variance'}


def _graph_rules() -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for theirs, ours in _OURS.items():
        block = _LAYER + theirs
        to = rf'graph.blocks.\1.{ours}'
        rules += [
            (rf'{block}\.out\.0\.(.*)', rf'{to}.linear.\2'),
            (rf'{block}\.out\.2\.layers\.0\.(.*)', rf'{to}.bottleneck.down.\2'),
            (rf'{block}\.out\.2\.layers\.2\.(.*)', rf'{to}.bottleneck.up.\2'),
            (rf'{block}\.out\.layers\.0\.(.*)', rf'{to}.down.\2'),
            (rf'{block}\.out\.layers\.2\.(.*)', rf'{to}.up.\2'),
        ]
    for theirs, ours in _GATES.items():
        for index, name in ((0, 'down'), (2, 'up')):
            rules.append(
                (rf'{_LAYER}{theirs}_sigmoid\.{index}\.(.*)', rf'graph.blocks.\1.{ours}.{name}.\2')
            )
    return tuple(rules)


_DESCRIPTOR = r'track_descriptor\.'
_LOOK = r'detection_descriptor_extractor\.appearance_layers\.layers\.'

TRACKER_RULES: tuple[Rule, ...] = (
    (r'appnet\.feat_nets\.bb_feats_s8\.0\.(.*)', r'appearance.project.0.\1'),
    (r'appnet\.feat_nets\.bb_feats_s16\.0\.(.*)', r'appearance.project.1.\1'),
    (_LOOK + r'0\.(.*)', r'appearance.residual.down.\1'),
    (_LOOK + r'2\.(.*)', r'appearance.residual.middle.0.\1'),
    (_LOOK + r'4\.(.*)', r'appearance.residual.up.\1'),
    *_graph_rules(),
    (_MATCHER + r'score_layers\.trkdet\.(.*)', r'match_score.\1'),
    (_MATCHER + r'score_layers\.bkgdet\.(.*)', r'init_score.\1'),
    (_DESCRIPTOR + 'init_var', 'models.initial'),
    (_DESCRIPTOR + 'init_var_background', 'models.initial_empty'),
    (_DESCRIPTOR + r'memory_layers\.tracks\.x\.(.*)', r'recurrence.input.\1'),
    (_DESCRIPTOR + r'memory_layers\.tracks\.prev_out\.(.*)', r'recurrence.previous.\1'),
    (_DESCRIPTOR + r'memory_layers\.background\.x\.(.*)', r'empty_recurrence.input.\1'),
    (_DESCRIPTOR + r'memory_layers\.background\.prev_out\.(.*)', r'empty_recurrence.previous.\1'),
    (_DESCRIPTOR + r'out_layers\.lbscores\.(.*)', r'scoring.classes.\1'),
    *(
        (rf'{_DESCRIPTOR}out_layers\.{old}\.(.*)', rf'models.{new}.\1')
        for old, new in _HEADS.items()
    ),
    (r'track_module\.embedding_to_seg_layers\.0\.(.*)', r'masks.squeeze.\1'),
    (r'track_module\.seg_layers\.0\.(.*)', r'masks.hidden.\1'),
    (r'track_module\.seg_layers\.2\.(.*)', r'masks.out.\1'),
)

MODEL_RULES: tuple[Rule, ...] = (
    (r'(backbone\..*)', r'detector.\1'),
    *((pattern, f'detector.{name}') for pattern, name in DETECTOR_RULES),
    *((pattern, f'tracker.{name}') for pattern, name in TRACKER_RULES),
)
"""For a model with the parts `detector` (a `Yolact`) and `tracker` (an `Rgnn`)."""
