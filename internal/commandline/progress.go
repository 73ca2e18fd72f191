package commandline

import (
	"fmt"
	"strings"
)

// Progress tells how far something is: on a terminal by one line with a bar that is
// written again and again, elsewhere by a line for each change.
type Progress struct {
	to   Terminal
	last string
}

// NewProgress returns a Progress that writes to what a command has for all that was
// not asked for.
func NewProgress(to Terminal) *Progress { return &Progress{to: to} }

// bar is how many columns a bar takes.
const bar = 24

// Show says that so much of all is done, and says it in words too.
func (p *Progress) Show(done, all float64, words string) {
	words = Clean(words)
	if !p.to.IsTerminal() {
		if words != p.last {
			fmt.Fprintln(p.to, words)
		}
		p.last = words
		return
	}
	share := 1.0
	if all > 0 {
		share = min(max(done/all, 0), 1)
	}
	full := int(share * bar)
	line := fmt.Sprintf("[%s%s] %3d %%  %s", strings.Repeat("#", full), strings.Repeat(".", bar-full), int(share*100), words)
	if len([]rune(line)) >= p.to.Width {
		line = cut(line, p.to.Width-1, false)
	}
	if line != p.last {
		fmt.Fprintf(p.to, "\r%s\x1b[K", line)
	}
	p.last = line
}

// End leaves the line of a terminal. It may be called when nothing was shown.
func (p *Progress) End() {
	if p.to.IsTerminal() && p.last != "" {
		fmt.Fprintln(p.to)
	}
	p.last = ""
}
