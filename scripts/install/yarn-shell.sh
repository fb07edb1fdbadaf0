#!/bin/sh
# The shell of `yarn run` in Yarn 1, see .yarnrc: that one puts the Node it runs on itself in front of the one that is installed here.
PATH="$PWD/node_modules/.bin:$PATH" exec /bin/sh "$@"
