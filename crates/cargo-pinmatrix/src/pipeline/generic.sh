#!/bin/sh
# Made by `@words@ ci generic@made_with@`. Make it again rather than change it here.
#
# For a CI engine that starts one job on several machines and tells each its number, from 1, in
# CI_NODE_INDEX, and how many there are in CI_NODE_TOTAL. Where it counts from 0, add one.
#
# usage: matrix-ci shard    on each machine; leaves its results in target/ci/parts/NUMBER
#        matrix-ci merge    on one machine, once it has all of target/ci/parts/; leaves results in target/ci/matrix/
#
# An earlier run's run.json as target/ci/times/run.json, the same on all machines, balances the shards.
set -eu

case ${1:-} in
    shard)
        set --
        if [ -f target/ci/times/run.json ]; then set -- --times target/ci/times/run.json; fi
        @words@ toolchains install@config@ || echo 'a toolchain is missing: its cells are skipped' >&2
        code=0
        @words@ run @flags@ --shard "$CI_NODE_INDEX/$CI_NODE_TOTAL" "$@" --ci none --out "target/ci/parts/$CI_NODE_INDEX" || code=$?
        # What cells show is the merged run's to judge; a user error stops here.
        [ "$code" -ne 2 ]
        ;;
    merge)
        @words@ merge@config@@merge_flags@ target/ci/parts/* --out target/ci/matrix
        ;;
    *)
        sed -n '7,8s/^# \{0,1\}//p' "$0"
        exit 2
        ;;
esac
