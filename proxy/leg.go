package proxy

import "time"

// Leg is one HTTP exchange with the CPE, and what it took with the ACS.
type Leg struct {
	At   time.Duration // when the request had arrived, since the session's start
	Took time.Duration // until its answer was there
	ACS  time.Duration // with the ACS; 0 when it was not asked
	// Request says what the CPE sent, such as "Inform", "empty",
	// "GetParameterValuesResponse", "Fault 9005" or "unreadable", and Answer what
	// it got, such as "InformResponse", "GetParameterValues", "empty" or
	// "401 challenge".
	Request, Answer string
	Status          int // of HTTP, toward the CPE
	In, Out         int // bytes of the bodies, as the CPE sent and got them
	// Edits names what was rewritten, such as "ConnectionRequestURL". The slice is
	// shared: it must not be changed.
	Edits []string
	New   bool // the first request of its connection
	Own   bool // the gateway has answered, or asked, itself
}

// Of the legs of a session the first and the last are kept.
const (
	maxLegs  = 64
	lastLegs = 8
)
