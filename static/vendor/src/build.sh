#!/bin/sh
# Rebuilds what is vendored from the packages that package-lock.json pins. Needs Node 20 or newer.
set -eu
cd "$(dirname "$0")"
npm ci --no-fund --no-audit
npm run --silent vendor
