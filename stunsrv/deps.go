package stunsrv

import (
	"errors"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Sighting is one Binding Request that carried CONNECTION-REQUEST-BINDING: it
// left the port on which the CPE takes UDP Connection Requests (TR-111 2.2.3).
type Sighting struct {
	// Local is the address of the socket that saw it: a Connection Request must
	// leave from there.
	Local netip.AddrPort
	// Source is the address that it came from as the server sees it.
	Source netip.AddrPort
	// Username is the USERNAME without its padding, empty if there was none. It
	// is valid during the call only.
	Username []byte
	// Change tells that BINDING-CHANGE was there.
	Change bool
	// Verified tells that MESSAGE-INTEGRITY matched the password of Username.
	Verified bool
	At       time.Time
}

// Deps are what the server needs of others. All functions are called from many
// goroutines and, unless it says otherwise, must not block; none may keep what it
// is given.
type Deps struct {
	// Sighted is told of every sighting: of those among packets that were read
	// together at once, in their order and before the answers to them leave. So
	// whoever has an answer is known. It is never called with none. Required.
	Sighted func([]Sighting)
	// Password returns the STUN password of a user. Optional: without it nothing
	// can be verified, and nobody is challenged.
	Password func(username []byte) (password []byte, ok bool)
	// NeverChallenge tells a user whose client breaks when it is challenged, as
	// RDK-B's does (quirk S-06). Optional.
	NeverChallenge func(username []byte) bool
	// MayReach tells whether a user of the TURN relay is entitled to send to a
	// binding. Required where TURN is on.
	MayReach func(user string, local, remote netip.AddrPort) bool
	// Relaying is told of each UDP Connection Request that the TURN relay is about
	// to send to a binding, and tells whether it may go: its ts may be such that
	// the CPE would take no later one (quirk S-44). It may read a store. Optional.
	Relaying func(remote netip.AddrPort, request []byte) bool

	Metrics prometheus.Registerer
	Log     *zap.Logger
	Now     func() time.Time
}

func (d *Deps) check() error {
	switch {
	case d.Sighted == nil || d.Now == nil:
		return errors.New("stunsrv: Deps.Sighted and Deps.Now are required")
	case d.Metrics == nil || d.Log == nil:
		return errors.New("stunsrv: Deps.Metrics and Deps.Log are required")
	}
	return nil
}
