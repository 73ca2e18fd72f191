//go:build unix

package commandline

import (
	"os"

	"golang.org/x/sys/unix"
)

// widthOf returns how many columns a terminal has, 0 for what is none.
func widthOf(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	if size.Col == 0 { // such as a serial line, which does not know
		return 80
	}
	return int(size.Col)
}
