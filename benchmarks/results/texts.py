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
each trained on the same parts, from the backbone of that detector on. The figures are of the
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
COCO, all rows of a method start from one network that was trained on single images of the training
parts, with one seed. Rows in italics run the weights of another row with
other options; all others have a training of their own. Differences are to the first row, of the
AP, mean of the benchmarks. **The column "paper" is of another data set**: only its order can be
compared. The column "time" is that of a frame on a CPU, in times of that of the first row.

In the second table shares are means of the benchmarks and switches are sums, of the boxes of
tracks above the threshold."""
