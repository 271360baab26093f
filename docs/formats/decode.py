#!/usr/bin/env python3
"""Reads a model compressed by Lowbit with nothing but NumPy, as docs/formats/model.md defines it.

    decode.py DIR                      list every matrix; check every digest
    decode.py DIR --compare EXPORT     also compare with an export (a .safetensors file or a directory of them)
    decode.py DIR --npz FILE           also write every dequantized matrix, float32, in the source's orientation
"""

import argparse
import hashlib
import json
import re
import statistics
import struct
import sys
from pathlib import Path

import numpy as np

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "U8": "u1", "I8": "i1", "BOOL": "u1",
         "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4", "I64": "<i8", "U64": "<u8"}


def safetensors(file):
    """Name -> (type, shape, raw bytes) of one file."""
    with open(file, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    data = np.memmap(file, dtype=np.uint8, mode="r", offset=8 + length)
    return {name: (t["dtype"], t["shape"], data[slice(*t["data_offsets"])])
            for name, t in header.items() if name != "__metadata__"}


def values(dtype, raw):
    """Numbers of a tensor; bfloat16 is the upper half of a float32."""
    array = np.frombuffer(raw.tobytes(), TYPES[dtype])
    return (array.astype(np.uint32) << 16).view(np.float32) if dtype == "BF16" else array


def unpack(raw, count, bits):
    """Codes of a bit stream, each least significant bit first."""
    stream = np.unpackbits(np.frombuffer(raw.tobytes(), np.uint8), bitorder="little")[:count * bits]
    return stream.reshape(count, bits) @ (1 << np.arange(bits))


def normal_float(bits):
    half, origin, quantile = 1 << (bits - 1), 0.9677083, statistics.NormalDist().inv_cdf
    negative = [quantile((1 - origin) + k * ((0.5 - (1 - origin)) / (half - 1))) for k in range(half - 1)]
    positive = [quantile(0.5 + k * ((origin - 0.5) / half)) for k in range(half + 1)]
    table = np.array(negative + positive) / quantile(origin)
    table[[0, half - 1, -1]] = -1, 0, 1
    return table.astype(np.float32)


def uniform(bits):
    last = (1 << bits) - 1
    return ((2.0 * np.arange(last + 1) - last) / last).astype(np.float32)


def stored_scales(scales, count, part):
    """The scale of each block or group, on one level or on two."""
    if scales in ("f16", "bf16", "f32"):
        return part("scales").astype(np.float32)
    scale_bits, super_group = map(int, re.match(r"s(\d)x(\d+)-", scales).groups())
    codes = unpack(part("scale_codes"), count, scale_bits).astype(np.float32)
    supers = part("super_scales").astype(np.float32)[np.arange(len(codes)) // super_group]
    with np.errstate(divide="ignore", over="ignore"):
        factor = np.float32((1 << scale_bits) - 1) / supers
    return codes / factor + part("offset")[0]


def affine(format_id, rows, columns, part):
    """Integers: scale (code - zero) of the group."""
    bits, group, scales, symmetric, indexed = re.fullmatch(
        r"affine(\d)-(row|g\d+)-(.+?)(-sym)?(-gidx)?", format_id).groups()
    bits = int(bits)
    group = columns if group == "row" else min(columns, int(group[1:]))
    groups = -(-columns // group)
    scale = stored_scales(scales, rows * groups, part).reshape(rows, groups)
    zero = np.full((rows, groups), 1 << (bits - 1)) if symmetric else \
        unpack(part("zeros"), rows * groups, bits).reshape(rows, groups)
    index = part("group_index") if indexed else np.arange(columns) // group
    codes = unpack(part("codes"), rows * columns, bits).reshape(rows, columns)
    return scale[:, index] * (codes - zero[:, index]).astype(np.float32)


def additive(format_id, rows, columns, part):
    """Tiles of weights, each a scale times a sum of codewords."""
    books, bits, inner, outer, group, scales = re.fullmatch(
        r"aq(\d)x(\d+)-g(\d+)(?:o(\d))?-(row|s\d+)-(.+)", format_id).groups()
    books, bits, inner, outer = int(books), int(bits), int(inner), int(outer or 1)
    tile_rows, tile_columns = -(-rows // outer), -(-columns // inner)
    group = columns if group == "row" else int(group[1:])
    groups = -(-columns // group)
    scale = stored_scales(scales, tile_rows * groups, part).reshape(tile_rows, groups)
    words = part("codebooks").astype(np.float32).reshape(books, 1 << bits, outer, inner)
    codes = unpack(part("codes"), tile_rows * tile_columns * books, bits).reshape(tile_rows, tile_columns, books)
    tiles = words[0][codes[:, :, 0]]
    for m in range(1, books):
        tiles = tiles + words[m][codes[:, :, m]]
    tiles = scale[:, np.arange(tile_columns) * inner // group, None, None] * tiles
    return tiles.transpose(0, 2, 1, 3).reshape(tile_rows * outer, tile_columns * inner)[:rows, :columns]


def sketch(format_id, rows, columns, part):
    """A code per weight into a table of its row or of its part of the row."""
    bits, groups, tables = re.fullmatch(r"sketch(\d)-r(\d+)-(.+)", format_id).groups()
    bits, groups = int(bits), int(groups)
    entries = 1 << bits
    coded = re.fullmatch(r"t(\d)-(.+)", tables)
    if coded:
        wide, scales = int(coded.group(1)), coded.group(2)
        integers = unpack(part("table_codes"), rows * groups * entries, wide) - ((1 << (wide - 1)) - 1)
        scale = stored_scales(scales, rows * groups, part)
        table = scale[:, None] * integers.reshape(-1, entries).astype(np.float32)
    else:
        table = part("tables").astype(np.float32)
    table = table.reshape(rows, groups * entries)
    codes = unpack(part("codes"), rows * columns, bits).reshape(rows, columns)
    return np.take_along_axis(table, np.arange(columns) // (columns // groups) * entries + codes, axis=1)


def block(format_id, rows, columns, part):
    """A code per weight, a scale per block."""
    kind, bits, group, scales, flat = re.fullmatch(r"(nf|int|lc)(\d)-g(\d+)-(.+?)(-flat)?", format_id).groups()
    bits, group = int(bits), int(group)
    one_line = flat or rows == 1 or columns % group == 0
    lines, length = (1, rows * columns) if one_line else (rows, columns)
    per_line = -(-length // group)
    scale = stored_scales(scales, lines * per_line, part)
    table = {"nf": normal_float, "int": uniform}[kind](bits) if kind != "lc" else part("codebook").astype(np.float32)
    index = np.arange(lines)[:, None] * per_line + np.arange(length) // group
    weights = table[unpack(part("codes"), rows * columns, bits)].reshape(lines, length) * scale[index]
    return weights.reshape(rows, columns)


def matrix(format_id, rows, columns, part):
    """The float32 matrix, and per element the sum of the magnitudes that were added to make it."""
    total = re.fullmatch(r"(.+)\+r(\d+)-([^+]+)", format_id)
    if total:
        base, rank, factor = total.group(1), int(total.group(2)), total.group(3)
        factor = "nf8-g64-s8x256-fp32-flat" if factor == "nf8" else factor
        left = matrix(factor, rank, rows, lambda name: part("left." + name))[0].astype(np.float64)
        right = matrix(factor, rank, columns, lambda name: part("right." + name))[0].astype(np.float64)
        quantized, magnitude = matrix(base, rows, columns, part)
        return (quantized + left.T @ right).astype(np.float32), magnitude + np.abs(left).T @ np.abs(right)
    if format_id in ("f16", "bf16", "f32"):
        weights = part("weight").astype(np.float32).reshape(rows, columns)
    elif format_id.startswith("affine"):
        weights = affine(format_id, rows, columns, part)
    elif format_id.startswith("aq"):
        weights = additive(format_id, rows, columns, part)
    elif format_id.startswith("sketch"):
        weights = sketch(format_id, rows, columns, part)
    else:
        weights = block(format_id, rows, columns, part)
    return weights, np.abs(weights).astype(np.float64)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("directory", type=Path)
    arguments.add_argument("--compare", type=Path)
    arguments.add_argument("--npz", type=Path)
    options = arguments.parse_args()
    text = (options.directory / "lowbit.json").read_bytes()
    manifest = json.loads(text)
    if manifest["format"] != "lowbit" or manifest["version"] not in (1, 2):
        sys.exit("not a Lowbit model of version 1 or 2")
    bad = 0

    def check(good, what):
        nonlocal bad
        bad += not good
        if not good:
            print("BAD", what)

    def digest(raw):
        return hashlib.sha256(raw).hexdigest()

    recorded = (options.directory / "lowbit.json.sha256").read_text()
    check(recorded == digest(text) + "  lowbit.json\n", "lowbit.json")
    for file in manifest["files"]:
        check(digest((options.directory / file["name"]).read_bytes()) == file["sha256"], file["name"])
    tensors = {}
    for name in {entry["file"] for entry in manifest["matrices"] + manifest["tensors"] + manifest.get("shared", [])}:
        tensors |= safetensors(options.directory / name)
    for entry in manifest["tensors"]:
        check(digest(tensors[entry["name"]][2].tobytes()) == entry["sha256"], entry["name"])
    exported = {}
    if options.compare:
        files = [options.compare] if options.compare.is_file() else sorted(options.compare.glob("*.safetensors"))
        for file in files:
            exported |= safetensors(file)
    decoded = {}
    places = {}  # where the shared parts of a set are
    for shared in manifest.get("shared", []):
        places[shared["id"]] = {part["name"]: f"lowbit.shared.{shared['id']}.{part['name']}" for part in shared["parts"]}
        for part in shared["parts"]:
            check(digest(tensors[places[shared["id"]][part["name"]]][2].tobytes()) == part["sha256"], shared["id"])
    for entry in manifest["matrices"]:
        place = dict(places.get(entry.get("shared"), {}))
        for part in entry["parts"]:
            place[part["name"]] = entry["name"] + "." + part["name"]
            check(digest(tensors[place[part["name"]]][2].tobytes()) == part["sha256"], part["name"])
        weights, magnitude = matrix(entry["format"], entry["rows"], entry["columns"],
                                    lambda name: values(*tensors[place[name]][::2]))
        if entry["transposed"]:
            weights, magnitude = weights.T, magnitude.T
        line = f"{entry['name']}  {entry['format']}  {8 * entry['bytes'] / weights.size:.4f} bits"
        if "relativeError" in entry:
            line += f"  error {entry['relativeError']:.6f}"
        if options.compare:
            dtype, shape, raw = exported[entry["name"]]
            other = values(dtype, raw).astype(np.float32).reshape(shape)
            # the engine adds the rank terms one by one in float32; a 16-bit export rounds once more
            half_ulp = {"F32": 0, "F16": 2.0 ** -11, "BF16": 2.0 ** -8}[dtype]
            tolerance = (entry["rank"] and (entry["rank"] + 2) * 2.0 ** -24) * magnitude + half_ulp * np.abs(other)
            tolerance += 2.0 ** -25 * (dtype == "F16")
            difference = np.abs(weights.astype(np.float64) - other)
            check((difference <= tolerance).all(), "export of " + entry["name"])
            line += f"  largest difference {difference.max():.3g}"
        print(line)
        if options.npz:
            decoded[entry["name"]] = weights
    if options.npz:
        np.savez(options.npz, **decoded)
    print(f"{len(manifest['matrices'])} matrices, {bad} bad")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
