#!/bin/bash
# Builds the documentation site into .build-docs/site and compiles the code in it. Fails on any warning.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=.build-docs
rm -rf $out/graphs $out/snippets $out/archives $out/site
mkdir -p $out/graphs $out/snippets $out/archives

# The folder of modules that were built already may be given.
modules=${1:-}
if [[ -z $modules ]]; then
    swift build --target ResilienceTesting
    modules=$(swift build --show-bin-path)/Modules
fi
triple=$(swiftc -print-target-info | python3 -c 'import json, sys; print(json.load(sys.stdin)["target"]["triple"])')

# The code, in documents and in documentation comments.
mapfile -t sources < <(find Sources/Resilience Sources/ResilienceTesting -name '*.md' -o -name '*.swift' | sort)
python3 scripts/documents/snippets.py $out/snippets README.md "${sources[@]}"
# Once as a module that keeps the caller's isolation by default, and once as plain Swift 6. Warnings would be about values
# that an example has no use for.
for feature in "-enable-upcoming-feature NonisolatedNonsendingByDefault" ""; do
    # shellcheck disable=SC2086
    swiftc -emit-sil -o /dev/null -wmo -parse-as-library -suppress-warnings -swift-version 6 -module-name Snippets \
        -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility $feature \
        -I "$modules" -module-cache-path $out/cache scripts/documents/Given.swift $out/snippets/*.swift
done

# The site: an archive for each module, merged into one.
for module in Resilience ResilienceTesting; do
    mkdir -p $out/graphs/$module
    swift-symbolgraph-extract -module-name $module -I "$modules" -target "$triple" -module-cache-path $out/cache \
        -minimum-access-level public -skip-synthesized-members -emit-extension-block-symbols -output-dir $out/graphs/$module
    # Parameters are described where there is something to say about them; docc wants all of them or none.
    docc convert Sources/$module/$module.docc --additional-symbol-graph-dir $out/graphs/$module \
        --fallback-display-name $module --fallback-bundle-identifier holdfast.$module \
        --transform-for-static-hosting \
        --warnings-as-errors --disable-parameters-and-returns-validation --output-path $out/archives/$module.doccarchive
done
docc merge $out/archives/*.doccarchive --synthesized-landing-page-name Resilience --output-path $out/site
echo "$out/site: $(find $out/site -name '*.html' | wc -l) pages; to read: python3 -m http.server -d $out/site"
