# Copyright 2026 The vis_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads what is left of a bag in a damaged SQLite file."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from vis_ros.media.bag import BagTopic, Note
from vis_ros.media.source import SourceError


class SqliteScan:
    """One .db3 file, whole or cut anywhere behind its table of topics.

    SQLite refuses a file that is shorter than its header says, unless the schema is declared
    writable; the file itself is opened read-only and immutable. Rows are read in the order of
    their table, which needs no index, up to the first page that is missing.

    Args:
        path: The file.

    Raises:
        SourceError: It is no SQLite file, or its table of topics is lost.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        uri = f'file:{quote(str(path.resolve()))}?mode=ro&immutable=1'
        self._database = sqlite3.connect(uri, uri=True)
        try:
            self._database.execute('PRAGMA writable_schema=ON')
            rows = self._database.execute('SELECT name, type FROM topics ORDER BY id').fetchall()
        except sqlite3.Error as error:
            self.close()
            raise SourceError(f'{path}: its topics cannot be read: {error}') from error
        self.topics = [BagTopic(name, type_name, None) for name, type_name in dict.fromkeys(rows)]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def messages(self, topic: BagTopic, note: Note) -> Iterator[tuple[int, bytes]]:
        """Yield log time in nanoseconds and CDR bytes of each whole message, in row order."""
        query = (
            'SELECT timestamp, data FROM messages WHERE topic_id IN '
            '(SELECT id FROM topics WHERE name = ? AND type = ?) ORDER BY id'
        )
        try:
            yield from self._database.execute(query, (topic.name, topic.type_name))
        except sqlite3.Error as error:
            note(f'{self._path}: is cut off or damaged ({error}); what is whole was read')
