"""A shell script that fetches files on another machine, which needs sh and curl alone."""

import shlex
from collections.abc import Iterable, Iterator

from data.fetching.wanted import Wanted

# What a part holds goes on at the next address only where the end can be checked.
FUNCTION = r"""
missing=0

sha256_of() {
    { sha256sum "$1" 2>/dev/null || shasum -a 256 "$1"; } | cut -d ' ' -f 1
}

is_right() {  # file, bytes, SHA-256; a dash where it is not known
    [ -s "$1" ] || return 1
    [ "$2" = - ] || [ "$(wc -c < "$1" | tr -d ' ')" = "$2" ] || return 1
    if [ "$3" != - ]; then [ "$(sha256_of "$1")" = "$3" ]; else ! head -c 512 "$1" | grep -aqiE '<(html|!doctype)'; fi
}

fetch() {  # name, bytes, SHA-256, addresses
    name=$1 bytes=$2 sha256=$3
    shift 3
    if [ -e "$name" ]; then return; fi
    mkdir -p "$(dirname "$name")"
    for address; do
        echo "$name from $address" >&2
        [ "$sha256" != - ] || [ "$(cat "$name.part.from" 2>/dev/null)" = "$address" ] || rm -f "$name.part"
        echo "$address" > "$name.part.from"
        for pause in 0 2 10 30 60; do
            sleep "$pause"
            curl --fail --location --globoff --proto =http,https --proto-redir =http,https --connect-timeout 30 \
                --speed-limit 1000 --speed-time 60 --continue-at - --output "$name.part" --url "$address"
            ended=$?
            case $ended in
                0 | 22) break ;;
                33) rm -f "$name.part" ;;  # the server does not send the rest alone
            esac
        done
        if [ "$ended" = 0 ]; then
            if is_right "$name.part" "$bytes" "$sha256"; then
                mv "$name.part" "$name" && rm -f "$name.part.from"
                return
            fi
            echo "$name: $address gives another file" >&2
            rm -f "$name.part"
        fi
    done
    echo "$name is not there" >&2
    missing=1
}
"""


def script_of(files: Iterable[Wanted]) -> str:
    """The script: it fetches into the folder in which it runs, goes on when it is given again, and ends with 0 or 1."""
    return "\n".join(["#!/bin/sh", *HEAD, FUNCTION, *(line for it in files for line in _lines(it)), "exit $missing"])


HEAD = (
    "# Fetches the files below into the folder in which it runs; given again, it goes on. Then bring the folder to the",
    "# machine that needs them, and give there: run_all.py data fetch --from FOLDER, which checks all of them.",
)


def _lines(wanted: Wanted) -> Iterator[str]:
    file = wanted.file
    yield f"# {wanted.name}: {file.content}"
    if wanted.sign_up:
        yield f"# Not fetched: first {wanted.sign_up}; then lay it beside the others, as {wanted.name}."
    else:
        urls = (place.url for place in file.addresses)
        yield shlex.join(["fetch", wanted.name, str(file.bytes or "-"), file.sha256 or "-", *urls])
    yield ""
