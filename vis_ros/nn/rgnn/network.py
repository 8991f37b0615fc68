# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recurrent graph network: from detections and a memory of tracks to both of the next frame.

Source: Johnander et al., "Video Instance Segmentation with Recurrent Graph Neural Networks", GCPR
2021, and its ++ version, "Recurrent Graph Neural Networks for Video Instance Segmentation", IJCV.
tau are the embeddings of tracks, delta those of detections, e those of edges.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vis_ros.nn.rgnn.appearance import AppearanceNetwork
from vis_ros.nn.rgnn.association import IMPOSSIBLE, Choice, choose, masktrack_logits
from vis_ros.nn.rgnn.config import RgnnOptions, RgnnSizes
from vis_ros.nn.rgnn.gaussian import AppearanceModel, log_likelihood
from vis_ros.nn.rgnn.graph import Graph, GraphNetwork, PairNetwork
from vis_ros.nn.rgnn.joined_graph import JoinedGraph, can_join
from vis_ros.nn.rgnn.masks import MaskReweighting
from vis_ros.nn.rgnn.recurrence import LstmCells, Recurrence
from vis_ros.nn.rgnn.scoring import Scoring
from vis_ros.nn.rgnn.state import RgnnState, Tracks, choose_rows, take, with_empty, without_empty
from vis_ros.nn.yolact.nms import pairwise_iou
from vis_ros.nn.yolact.selection import DetectionSet
from vis_ros.ops.rows import rows_to_do, surely_all, surely_none

_IOU_EPSILON = 1e-7
_SCORE_BIAS = -2.1  # of both score heads at first: most pairs do not match


class Look(NamedTuple):
    """Appearance of a frame: detections (B, N, D), 0 for padding, and the whole scene (B, D)."""

    detections: Tensor
    scene: Tensor


class Association(NamedTuple):
    """What the graph says about a frame.

    Args:
        match_logits: float tensor (B, M, N), `IMPOSSIBLE` where a track or detection is none.
        init_logits: float tensor (B, N), `IMPOSSIBLE` for padding.
        before: Initial features of the graph. After `Rgnn.join_calls`, on a CPU, only of what is
            real: of fewer tracks and detections, in their order.
        after: Final embeddings; the edges likewise.
        empty: The empty track as the graph saw it.
    """

    match_logits: Tensor
    init_logits: Tensor
    before: Graph
    after: Graph
    empty: Tracks


class Rgnn(nn.Module):
    """The tracker; it holds parameters only, the memory is an `RgnnState`.

    A step is `look`, `associate`, `choose`, then slots for new tracks by the caller, then
    `update` and `segment`. All tensors have a fixed size: padding and free slots never reach what
    is real, and nothing waits for the device.

    Args:
        sizes: Sizes of the detector's maps, of the embeddings, and the number of classes.
        options: Variants.
    """

    half_size: Tensor  # half of the input's width and height, twice

    def __init__(self, sizes: RgnnSizes, options: RgnnOptions) -> None:
        super().__init__()
        self.sizes, self.options = sizes, options
        detection = sizes.num_classes + 4
        if options.appearance == 'embedded':
            detection += 2 * sizes.appearance
        self.appearance = AppearanceNetwork(sizes, options)
        self.graph: GraphNetwork | JoinedGraph | PairNetwork
        if options.graph == 'joint':
            self.graph = GraphNetwork(sizes, detection, options)
        else:
            self.graph = PairNetwork(sizes, detection, options)
        is_learned = options.association == 'learned'
        self.match_score = _score_head(sizes.embedding) if is_learned else None
        self.init_score = _score_head(sizes.embedding) if is_learned else None
        self.recurrence = Recurrence(sizes.embedding, options)
        self.empty_recurrence = Recurrence(sizes.embedding, options)
        self.cells: LstmCells | None = None  # both in one, once calls are joined
        self.models = AppearanceModel(sizes, options)
        self.scoring = Scoring(sizes, options)
        self.masks = MaskReweighting(sizes, options.crop)
        half_size = torch.tensor([sizes.width, sizes.height] * 2) / 2
        self.register_buffer('half_size', half_size, persistent=False)

    def join_calls(self) -> None:
        """Make it faster, for one stream, and never to be trained again.

        What comes out differs by rounding. See `JoinedGraph`, `LstmCells` and `AppearanceModel`.
        """
        if can_join(self.graph):
            self.graph = JoinedGraph(self.graph)
        if self.options.recurrence == 'lstm':
            self.cells = LstmCells(self.recurrence, self.empty_recurrence)
        self.models.join_calls()

    def initial(self, batch: int, slots: int) -> RgnnState:
        """Return the memory of `batch` streams before their first frame."""
        empty = self.newborn()
        tracks = Tracks(*(x.expand(batch, slots, *x.shape[2:]).clone() for x in empty))
        variance = self.models.first_variance(is_empty=True).expand_as(empty.variance)
        empty = empty._replace(variance=variance)
        return RgnnState(tracks, Tracks(*(x.expand(batch, *x.shape[1:]).clone() for x in empty)))

    def newborn(self) -> Tracks:
        """Return a slot (1, 1, ...) as it is before its track's first update, not alive."""
        sizes, variance = self.sizes, self.models.first_variance()
        zeros = variance.new_zeros
        looks = 2 * sizes.look if self.options.appearance == 'lstm' else 0
        return Tracks(
            is_alive=zeros((1, 1), dtype=torch.bool),
            embedding=zeros((1, 1, sizes.embedding)),
            cell=zeros((1, 1, sizes.embedding)),
            mean=zeros((1, 1, 2 * sizes.appearance)),
            variance=variance[None, None],
            box=zeros((1, 1, 4)),
            logits=zeros((1, 1, sizes.num_classes)),
            look=zeros((1, 1, looks)),
            votes=zeros((1, 1, self.scoring.num_votes)),
        )

    def look(self, stride16: Tensor, stride32: Tensor, found: DetectionSet) -> Look:
        """Return the appearances of a frame, of the backbone's taps and the detections."""
        return Look(*self.appearance(self.appearance.maps(stride16, stride32), found))

    def associate(self, state: RgnnState, found: DetectionSet, look: Look) -> Association:
        """Run the graph over the memory and the detections of a frame (section 3.1)."""
        tracks, empty = state.tracks, self._started(state.empty, look)
        if not isinstance(self.graph, JoinedGraph) or self.match_score is None:
            return self._associate(tracks, empty, found, look)
        m, n = rows_to_do(tracks.is_alive[0]), rows_to_do(found.is_real[0])
        if (len(m), len(n)) == (tracks.is_alive.shape[1], found.is_real.shape[1]):
            are_real = surely_all(tracks.is_alive) and surely_all(found.is_real)
            return self._associate(tracks, empty, found, look, are_real=are_real)
        some = self._associate(
            tracks._replace(
                embedding=_rows(tracks.embedding, m),
                mean=_rows(tracks.mean, m),
                variance=_rows(tracks.variance, m),
                box=_rows(tracks.box, m),
            ),
            empty,
            found._replace(boxes=_rows(found.boxes, n), logits=_rows(found.logits, n)),
            look._replace(detections=_rows(look.detections, n)),
            are_real=True,
        )
        return _among(some, m, n, (tracks.is_alive.shape[1], found.is_real.shape[1]))

    def _associate(
        self,
        tracks: Tracks,
        empty: Tracks,
        found: DetectionSet,
        look: Look,
        *,
        are_real: bool = False,
    ) -> Association:
        """See `associate`; nobody looks at who is real where all are."""
        before, iou = self._build(tracks, empty, found, look)
        if are_real:
            assert isinstance(self.graph, JoinedGraph)
            assert self.match_score is not None
            assert self.init_score is not None
            after = self.graph(before)
            match, init = self.match_score(after.track_edges), self.init_score(after.empty_edges)
            return Association(match[..., 0], init[..., 0], before, after, empty)
        is_alive, is_real = tracks.is_alive, found.is_real
        is_pair = is_alive[..., None] & is_real[:, None]
        before = before._replace(
            track_edges=torch.where(is_pair[..., None], before.track_edges, 0.0),
            empty_edges=torch.where(is_real[..., None], before.empty_edges, 0.0),
        )
        if isinstance(self.graph, PairNetwork):
            after = self.graph(before)
        else:
            after = self.graph(before, is_alive, is_real)
        if self.match_score is None or self.init_score is None:
            match, init = masktrack_logits(
                look.detections, tracks.mean, iou, found, tracks.logits, is_alive
            )
        else:
            match = self.match_score(after.track_edges)[..., 0]
            init = self.init_score(after.empty_edges)[..., 0]
        match = torch.where(is_pair, match, IMPOSSIBLE)
        init = torch.where(is_real, init, IMPOSSIBLE)
        return Association(match, init, before, after, empty)

    def _build(
        self, tracks: Tracks, empty: Tracks, found: DetectionSet, look: Look
    ) -> tuple[Graph, Tensor]:
        """Return the initial features of the graph (section 3.1.2), and the overlaps (B, M, N)."""
        iou = pairwise_iou(tracks.box, found.boxes, epsilon=_IOU_EPSILON)
        mean = torch.cat((empty.mean, tracks.mean), dim=1)
        variance = torch.cat((empty.variance, tracks.variance), dim=1)
        likely = log_likelihood(look.detections, mean, variance)
        if self.options.appearance in ('none', 'embedded'):
            likely = torch.zeros_like(likely)
        elif self.options.edges == 'scaled':
            likely = -4 + 0.01 * likely
        overlap = -1 + 2 * iou if self.options.edges == 'scaled' else iou
        parts = [found.logits, found.boxes / self.half_size - 1]
        if self.options.appearance == 'embedded':
            parts.append(look.detections)
        graph = Graph(
            empty=empty.embedding[:, 0],
            tracks=tracks.embedding,
            detections=torch.cat(parts, dim=-1),
            empty_edges=likely[:, 0, :, None],
            track_edges=torch.stack((likely[:, 1:], overlap), dim=-1),
        )
        return graph, iou

    @staticmethod
    def _started(empty: Tracks, look: Look) -> Tracks:
        """Return the empty track; before the first frame it looks like that frame's scene."""
        mean = torch.where(empty.is_alive[..., None], empty.mean, look.scene[:, None])
        return empty._replace(mean=mean)

    def choose(self, association: Association, found: DetectionSet) -> Choice:
        """Return the hard decisions of a frame."""
        return choose(
            association.match_logits, association.init_logits, found.is_real, self.options
        )

    def update(
        self,
        state: RgnnState,
        found: DetectionSet,
        look: Look,
        association: Association,
        *,
        assigned: Tensor,
        is_new: Tensor,
    ) -> RgnnState:
        """Return the memory after a frame (sections 3.2 and 3.3).

        Args:
            state: Memory before the frame.
            found: Detections of the frame.
            look: Their appearances.
            association: What the graph says.
            assigned: int64 tensor (B, M), detection that each slot shows, or -1.
            is_new: bool tensor (B, M), slots whose track starts now; what they held is forgotten.
        """
        tracks, empty = state.tracks, association.empty
        after = association.after
        nodes = after.tracks
        if isinstance(self.graph, PairNetwork):
            nodes = self.graph.adopt(association.before, after, assigned)
        parts = (found.boxes, look.detections)
        taken = take(torch.cat(parts, dim=-1), assigned)
        own_box, own_look = taken.split([part.shape[-1] for part in parts], dim=-1)
        if not surely_none(is_new):
            tracks = choose_rows(is_new, self.newborn(), tracks)
            tracks = tracks._replace(is_alive=tracks.is_alive | is_new)
            nodes = torch.where(is_new[..., None], take(after.detections, assigned), nodes)

        is_seen, is_one = assigned >= 0, torch.ones_like(empty.is_alive)
        lost_box = tracks.box if self.options.lost_box == 'last' else 0.0
        tracks = tracks._replace(
            box=torch.where(is_seen[..., None], own_box, lost_box),
        )
        before = with_empty(tracks, empty)  # what follows is the same for both, but for weights
        nodes = torch.cat((nodes, after.empty[:, None]), dim=1)
        embedding, cell = self._go_on(nodes, before.embedding, before.cell)
        holds_one = torch.cat((tracks.is_alive, is_one), dim=1)[..., None]
        before = before._replace(
            embedding=torch.where(holds_one, embedding, 0.0),
            cell=torch.where(holds_one, cell, 0.0),
        )
        looks = torch.cat((own_look, look.scene[:, None]), dim=1)
        looked = self.models.update(before, looks, torch.cat((is_new, ~is_one), dim=1))
        rows = choose_rows(torch.cat((is_seen, is_one), dim=1), looked, before)
        tracks, empty = without_empty(rows, empty._replace(is_alive=is_one))
        return RgnnState(self.scoring.update(tracks, found.logits, assigned), empty)

    def _go_on(self, node: Tensor, output: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next output and cell of tracks and the empty track, each (B, M + 1, E).

        Args:
            node: float tensor (B, M + 1, E), from the graph.
            output: float tensor (B, M + 1, E), previous output tau.
            cell: float tensor (B, M + 1, E), previous cell.
        """
        if self.cells is not None:
            return self.cells(node, output, cell)
        before = (node, output, cell)
        tracks = self.recurrence(*(x[:, :-1] for x in before))
        empty = self.empty_recurrence(*(x[:, -1:] for x in before))
        output, cell = (torch.cat(pair, dim=1) for pair in zip(tracks, empty, strict=True))
        return output, cell

    def segment(self, state: RgnnState, found: DetectionSet, assigned: Tensor) -> Tensor:
        """Return mask scores (B, M, h, w) of the updated tracks; see `MaskReweighting`."""
        scores: Tensor = self.masks(state.tracks.embedding, found, assigned)
        return scores


def _rows(values: Tensor, index: Tensor) -> Tensor:
    """Return some rows of values (1, M, ...), by index (R,), all different."""
    return values if len(index) == values.shape[1] else values.index_select(1, index)


def _put(rows: Tensor, index: Tensor, count: int, dim: int = 1, filler: float = 0.0) -> Tensor:
    """Return `count` rows, of which some are given: the inverse of `_rows`."""
    if len(index) == count:
        return rows
    shape = (*rows.shape[:dim], count, *rows.shape[dim + 1 :])
    return rows.new_full(shape, filler).index_copy_(dim, index, rows)


def _among(some: Association, m: Tensor, n: Tensor, shape: tuple[int, int]) -> Association:
    """Return what an association of some tracks and detections says about all (M, N)."""
    slots, count = shape
    match = _put(some.match_logits, m, slots, filler=IMPOSSIBLE)
    return some._replace(
        match_logits=_put(match, n, count, dim=2, filler=IMPOSSIBLE),
        init_logits=_put(some.init_logits, n, count, filler=IMPOSSIBLE),
        after=some.after._replace(
            tracks=_put(some.after.tracks, m, slots),
            detections=_put(some.after.detections, n, count),
        ),
    )


def _score_head(size: int) -> nn.Linear:
    head = nn.Linear(size, 1)
    nn.init.xavier_uniform_(head.weight)
    nn.init.constant_(head.bias, _SCORE_BIAS)
    return head
