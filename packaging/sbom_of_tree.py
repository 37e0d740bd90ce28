"""Reduces a bill of materials of the whole workspace to the packages of one program, as `cargo tree` prints them to
standard input. Fails if the bill lacks one of them.

    cargo tree … --prefix none --format '{p}' | sbom_of_tree.py FROM TO
"""

import json
import os
import sys


def main(source, target):
    tree = {tuple(line.split()[:2]) for line in sys.stdin if line.strip()}
    tree = {(name, version.removeprefix("v")) for name, version in tree}
    with open(source) as file:
        # The bill must not reveal the path of this checkout.
        bill = json.loads(file.read().replace(f"file://{os.getcwd()}", "file://."))
    own = bill["metadata"]["component"]
    bill["components"] = [each for each in bill["components"] if (each["name"], each["version"]) in tree]
    there = {(each["name"], each["version"]) for each in [own, *bill["components"]]}
    if tree != there:
        sys.exit(f"the bill of materials lacks {sorted(tree - there)}")
    unknown = [each["name"] for each in bill["components"] if "hashes" not in each and not each["name"].startswith("inwren")]
    if unknown:
        sys.exit(f"the bill of materials has no hashes of {unknown}")
    references = {each["bom-ref"] for each in [own, *bill["components"]]}
    bill["dependencies"] = [
        {**each, "dependsOn": [on for on in each.get("dependsOn", []) if on in references]}
        for each in bill["dependencies"]
        if each["ref"] in references
    ]
    with open(target, "w") as file:
        json.dump(bill, file, indent=2)
        file.write("\n")
    print(f"{target}: the {len(tree)} packages of the release tree, and no other")


main(*sys.argv[1:])
