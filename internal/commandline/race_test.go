//go:build race

package commandline

// raced says that the race detector watches.
const raced = true
