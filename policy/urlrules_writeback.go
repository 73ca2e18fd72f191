package policy

import (
	"slices"
	"time"
)

// LastMove is what is recorded of the last move of a CPE's URL.
type LastMove struct {
	Campaign string
	From     []string  // URLs of the ACS that the CPE left
	To       string    // the URL that it was given
	At       time.Time // when it was; the zero time says that there was no move
	// WriteBacks counts how often an ACS has since tried to set one of From.
	WriteBacks int
}

// WriteBack is what becomes of a URL that an ACS sets on a CPE that was moved.
type WriteBack string

// WriteBacks.
const (
	WriteBackNone  WriteBack = "none"  // the URL does not undo the move
	WriteBackHeld  WriteBack = "held"  // the CPE is to keep LastMove.To; count it
	WriteBackHalts WriteBack = "halts" // as held, and the campaign gives the CPE up: ACS and gateway fight over it
)

// Limits of the guard against write-backs. An ACS provisions a CPE anew when it
// sees its BOOTSTRAP, and may then write the URL that it knows, once or in each
// session. After WriteBackGuard the operator may have meant it.
const (
	WriteBackGuard = 7 * 24 * time.Hour
	MaxWriteBacks  = 3
)

// JudgeWriteBack tells whether an ACS undoes a move by the URL that it sets, as
// one does that has not been told of it (URL ping-pong, protocol notes 3).
func JudgeWriteBack(m LastMove, value string, now time.Time) WriteBack {
	same := func(u string) bool { return SameURL(u, value) }
	switch {
	case m.At.IsZero() || !now.Before(m.At.Add(WriteBackGuard)) || same(m.To):
		return WriteBackNone
	case !slices.ContainsFunc(m.From, same):
		return WriteBackNone
	case m.WriteBacks+1 >= MaxWriteBacks:
		return WriteBackHalts
	}
	return WriteBackHeld
}
