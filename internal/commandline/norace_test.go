//go:build !race

package commandline

const raced = false
