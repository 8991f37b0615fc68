# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What docs/results.md says in words."""

from __future__ import annotations

INTRODUCTION = """\
# Results

Written by `python benchmarks/results/write.py` from the logs in `docs/results`; a test compares
the two.

All videos are synthetic (`vis_ros synth`, docs/synth.md): the figures compare methods with each
other on exact ground truth, and say nothing about YouTube-VIS, OVIS or any camera. The rows of
RGNNVIS and those without training get the very same detections, of one YOLACT on a slim ResNet-18
at 192x320 that was trained on the training parts of the three benchmarks. Trackers are trained on
the same parts, by `config/training/tracker_small.yaml`, for far fewer steps than the paper's
94,950. IAI, VisSTG, MaskProp and IFR find objects themselves: they are compared as whole systems,
each trained on the same parts, from the backbone of that detector on. Their trainings are of
different lengths: VisSTG starts where the weights of IAI that ship end, 3,200 steps after that
backbone, so its rows are to be compared with the row of those weights, not with IAI's trainings of
500 steps. The figures are of the
held-out parts, which training has not seen. Options were chosen on validation videos, with one
exception: a first run of RGNNVIS++ had missed the bar on switches on the held-out parts. That gave
the reason to look at the crop of masks and at the threshold, for all rows alike; validation videos
decided.

AP, AP50, AP75, IDF1 and HOTA are in percent (docs/evaluation.md says what they are). IDF1, HOTA,
switches, misses and false positives are of the boxes of those tracks whose score is at least the
row's own threshold, which is chosen for each row alike: the one with the highest MOTA on
validation videos, since MOTA weighs the very counts that are shown. (The first run chose by HOTA,
which hardly depends on the threshold: it showed many weak tracks. Masks were not cropped then, so
that stray pixels stretched boxes, and all frames of a clip taught their pixels.)
The correlation is Pearson's, between the confidence of a track and whether it is a true positive.
Figures are means over seeds ± the standard deviation between seeds (n - 1); a figure without one
is of a single run."""

FINDINGS = """\
### What shows of the paper's findings, and what does not

As in the paper: without the graph, and with the association of MaskTrack R-CNN, AP falls most.
That association starts a track for nearly every detection (2,064 tracks on `easy`, where the full
model has about 150), so that the score learns little but background; the paper saw the same. One
block, no appearance, and an appearance LSTM cost a little. Without LSTM-like gating one of two
seeds diverged; the other is the best of all on `easy`, and finds next to nothing on `long`. Long
clips need layer norm, and with it RGNNVIS gains 4; positional encodings, the last step to `++`,
add nothing on `crowded` here (15.4 with, 17.3 without, seeds differ by 2) and little on `long`.

Not as in the paper: constant variance, the simple gate, no residual blocks, and both simple
scorings are no worse than the full model, some a little better. Three blocks and MLP node updates
fall to an AP of 3.

Why, as far as it was found out: a tracker learns for 900 steps here, for 94,950 in the paper, and
what is short of steps is its score. At the end of the training the loss of the score
(`training.last.score` in the logs) is 6.1 to 7.7 in the full model, 12 to 13 with three blocks or
MLP node updates, 4.6 to 6.8 with the simple gate or without residual blocks; the loss of matches
is the same in all of these, and so is IDF1. So rows that have less between the input and the
score, or need not learn a score, are ahead of the full model, and deeper ones behind. Layer norm
is the test: with it the full model's loss of the score is 4.8 to 5.6 and its AP 23.9 instead of
21.1, and three blocks are behind it by 1, no longer by 18. Scoring by average, which is ahead of
the full model without layer norm, is behind it with layer norm (21.6), and so is constant
variance (22.9), as in the paper; of these two there is one seed each. MLP node updates stay at an
AP of 5 even so: without gates a node gets the plain sum of all its edges, and to tell its own
class from those of the others was not learned in 900 steps. Whether more steps alone would bring
the paper's order back was not tested."""

REPRODUCE = """\
## How to get them again

```sh
for name in easy crowded long; do vis_ros synth $name --out WORK/data/$name; done
python benchmarks/results/train_rows.py --work WORK   # goes on where it was stopped
python benchmarks/results/baselines.py --work WORK
python benchmarks/results/occlusion.py --work WORK
make results
```

`benchmarks/results/rows.yaml` and `methods/*.yaml` beside it hold the rows: what each one changes
of its recipe. `train_rows.py --only NAME ...` runs some rows, or all of a method. The detector,
from whose backbone the networks for single images start, is `models/synth_small.safetensors`
unless `--detector` names another; how it is trained stands in docs/training.md."""

END_TO_END = """\
## Methods trained from end to end

The next sections are about one method each. As the papers start from networks that were trained on
COCO, all rows of a method start from one network that was trained on the training parts, with one
seed. Rows in italics run the weights of another row with
other options; all others have a training of their own. Differences are to the first row, of the
AP, mean of the benchmarks. **The column "paper" is of another data set**: only its order can be
compared. The column "time" is that of a frame on a CPU, in times of that of the first row.

In the second table shares are means of the benchmarks and switches are sums, of the boxes of
tracks above the threshold."""
