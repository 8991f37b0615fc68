# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path, PurePosixPath

from vis_ros.evaluation.box_tracks import VideoBoxes
from vis_ros.evaluation.evaluation import Evaluation, Tracking
from vis_ros.evaluation.report_curves import curve_svg, curves_of, legend
from vis_ros.evaluation.report_pictures import picture, worst_frame
from vis_ros.evaluation.report_timeline import timeline_svg
from vis_ros.evaluation.video_ap import UNDEFINED

_PICTURES = 6  # worst videos with a picture
_OPEN = 6  # time lines that are not folded
_TIMELINES = 300  # more would make a file that browsers are slow with
_VIDEO_FIGURES = ('HOTA', 'IDF1', 'MOTA', 'switches', 'misses', 'false_positives')
_STYLE = """
body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:1000px;padding:0 1em;color:#222}
h1{font-size:1.4em} h2{font-size:1.15em;margin-top:2em}
table{border-collapse:collapse}
td,th{padding:2px 9px;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child{text-align:left} .scroll{overflow-x:auto}
svg text{font:10px system-ui,sans-serif;fill:#222} .grid{stroke:#ddd;fill:none}
.switch{fill:#000;stroke:#000} .bar{display:inline-block;height:9px;background:#1f6fb4}
.small{display:inline-block;margin:4px;text-align:center} img{max-width:100%} p{max-width:50em}
"""


def write_report(
    path: str | Path, evaluation: Evaluation, *, title: str, images: Path | None = None
) -> None:
    """Write the report.

    Args:
        path: The file.
        evaluation: What it reports.
        title: Its heading.
        images: Folder of the data set's images, for the pictures.

    Raises:
        OSError: The file cannot be written.
    """
    body = [f'<h1>{escape(title)}</h1>', _figures(evaluation), _curves(evaluation)]
    if evaluation.tracking is not None:
        body.append(_videos(evaluation, evaluation.tracking, images))
    Path(path).write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<title>{escape(title)}</title><style>{_STYLE}</style></head>'
        f'<body>{"".join(body)}</body></html>\n',
        encoding='utf-8',
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; heads are escaped, cells are HTML."""
    top = ''.join(f'<th>{escape(cell)}</th>' for cell in head)
    lines = ''.join(f'<tr>{"".join(f"<td>{c}</td>" for c in row)}</tr>' for row in rows)
    return f'<div class="scroll"><table><tr>{top}</tr>{lines}</table></div>'


def _text(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return '-1' if value == UNDEFINED else f'{value:.3f}'


def _figures(evaluation: Evaluation) -> str:
    figures = evaluation.figures()
    parts = [
        f'<p>{len(evaluation.annotations.videos)} videos, '
        f'{len(evaluation.annotations.tracks)} true tracks, {len(evaluation.results)} results.',
    ]
    if dropped := evaluation.dropped():
        parts.append(f' {dropped} of them are of categories that the ground truth does not list.')
    if evaluation.tracking is not None:
        parts.append(
            ' Identity and box figures are of boxes of masks at IoU 0.5, of results with a score '
            f'of at least {evaluation.tracking.score_threshold:g}, whatever their category.'
        )
    parts.append(' -1 stands for a figure that is undefined.</p>')
    names = list(figures)
    for start in range(0, len(names), 9):
        chunk = names[start : start + 9]
        parts.append(_table(chunk, [[_text(figures[name]) for name in chunk]]) + '<br>')
    return ''.join(parts)


def _curves(evaluation: Evaluation) -> str:
    ap, names = evaluation.ap, evaluation.annotations.categories
    curves = curves_of(ap)
    parts = ['<h2>Precision over recall</h2>']
    if not curves:
        return '<h2>Precision over recall</h2><p>No category has a true track.</p>'
    parts.append(f'<p>Mean over categories: {legend(curves)}</p>{curve_svg(curves)}')
    parts.append('<h2>Categories</h2>')
    by_category = ap.by_category()
    parts.append(
        _table(
            ('category', 'AP', ''),
            (
                (
                    escape(names[key]),
                    _text(value),
                    f'<span class="bar" style="width:{max(0.0, value) * 300:.0f}px"></span>',
                )
                for key, value in sorted(by_category.items(), key=lambda item: -item[1])
            ),
        )
    )
    for index, key in enumerate(ap.category_ids):
        if own := curves_of(ap, index):
            small = curve_svg(own, width=185, height=140)
            parts.append(f'<div class="small">{small}<br>{escape(names[key])}</div>')
    return ''.join(parts)


def _videos(evaluation: Evaluation, tracking: Tracking, images: Path | None) -> str:
    """Return the part about videos, the worst one first."""
    figures = {video.video_id: tracking.figures(video.video_id) for video in tracking.videos}
    shown = [video for video in tracking.videos if video.truth_boxes or video.result_boxes]
    shown.sort(key=lambda video: (max(0.0, figures[video.video_id]['HOTA']), video.video_id))
    head = ('video', *_VIDEO_FIGURES)
    rows = (
        (
            f'<a href="#v{video.video_id}">{escape(_name(evaluation, video))}</a>',
            *(_text(figures[video.video_id][name]) for name in _VIDEO_FIGURES),
        )
        for video in shown
    )
    parts = ['<h2>Videos, worst HOTA first</h2>', _table(head, rows)]
    parts.append(
        '<h2>Tracks over time</h2><p>One row for each track, one column for each frame. A true '
        'track has the colour of the result that it is matched with; grey: missed; a triangle: '
        'its identity switches. Red: a result that matches no true box. Pictures show the frame '
        'with the most errors, ground truth left, results right; white: missed, red: false.</p>'
    )
    for index, video in enumerate(shown[:_TIMELINES]):
        parts.append(_video(evaluation, tracking, video, index, images))
    if len(shown) > _TIMELINES:
        parts.append(f'<p>The other {len(shown) - _TIMELINES} videos are left out.</p>')
    return ''.join(parts)


def _video(
    evaluation: Evaluation, tracking: Tracking, video: VideoBoxes, index: int, images: Path | None
) -> str:
    names = evaluation.annotations.categories
    tracks = {track.track_id: track for track in evaluation.annotations.tracks}
    events = tracking.mot.events[video.video_id]
    truths = [f'#{key} {names[tracks[key].category_id]}' for key in video.truth_ids]
    results = []
    for place in video.result_indices:
        result = evaluation.results[place]
        name = names.get(result.category_id, f'category {result.category_id}')
        results.append(f'result {place} {name} {result.score:.2f}')
    parts = [
        f'<details id="v{video.video_id}"{" open" if index < _OPEN else ""}>',
        f'<summary>{escape(_name(evaluation, video))}</summary>',
    ]
    if index < _PICTURES:
        frame = worst_frame(events)
        url = picture(evaluation, video, frame, images)
        parts.append(f'<img alt="frame {frame}" src="{url}"><br>frame {frame}<br>' if url else '')
    svg = timeline_svg(video, events, truths, results)
    return ''.join([*parts, f'<div class="scroll">{svg}</div></details>'])


def _name(evaluation: Evaluation, video: VideoBoxes) -> str:
    """Return the id of a video and the folder of its images."""
    files = evaluation.annotations.videos[video.video_id].file_names
    folder = str(PurePosixPath(files[0]).parent) if files else '.'
    return f'{video.video_id}' + ('' if folder == '.' else f' ({folder})')
