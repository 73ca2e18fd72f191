package commandline

import (
	"io"
	"os"
	"strings"
	"unicode"
)

// Terminal is what is known of where a command prints to.
type Terminal struct {
	io.Writer
	Width  int  // in columns; 0 where it is no terminal
	Colour bool // it is a terminal, and nobody has asked for no colours
}

// TerminalOf looks at where a command prints to. Colours are left out where NO_COLOR
// is set, whatever it says, and where TERM is dumb.
func TerminalOf(w io.Writer) Terminal {
	t := Terminal{Writer: w}
	if f, ok := w.(*os.File); ok {
		t.Width = widthOf(f)
	}
	t.Colour = t.Width > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return t
}

// IsTerminal says whether a person reads it.
func (t Terminal) IsTerminal() bool { return t.Width > 0 }

// Colours of words.
const (
	good     = "\x1b[32m"
	doubtful = "\x1b[33m"
	bad      = "\x1b[31m"
	bold     = "\x1b[1m"
	plain    = "\x1b[0m"
)

// moods are the words that are shown in a colour.
var moods = map[string]string{
	"up": good, "fresh": good, "complete": good, "valid": good, "ok": good, "arrived": good, "done": good, "ready": good,
	"suspect": doubtful, "recovering": doubtful, "stale": doubtful, "expires": doubtful, "paused": doubtful, "warning": doubtful,
	"unauthorized": doubtful, "cpe_silent": doubtful,
	"down": bad, "failed": bad, "expired": bad, "missing": bad, "halted": bad, "error": bad, "acs_failed": bad, "acs_refused": bad, "not ready": bad,
}

// Mood returns a word in the colour that says whether it is good.
func (t Terminal) Mood(word string) string {
	if colour := moods[word]; colour != "" && t.Colour {
		return colour + word + plain
	}
	return word
}

// Clean returns text without what could make a terminal do something: CPEs send
// names of their own choice.
func Clean(text string) string {
	if !strings.ContainsFunc(text, unprintable) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unprintable(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// unprintable are control characters, and those that turn the direction of writing.
func unprintable(r rune) bool { return !unicode.IsGraphic(r) }
