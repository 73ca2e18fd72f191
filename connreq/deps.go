package connreq

import (
	"errors"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/store"
)

// Target is all that is known of how to reach one device, at one moment.
type Target struct {
	Device cwmp.DeviceID

	// UDP: send from Local to Remote. Remote is not valid without a binding that
	// may be used.
	Local, Remote netip.AddrPort
	// Stale tells that the binding was not seen for more than 1.5 keep-alives.
	Stale bool
	// NoBinding says why Remote is not valid, such as "no STUN packet of this
	// device was seen", "binding is not corroborated".
	NoBinding string

	// URL is the ConnectionRequestURL that the CPE reported, "" if it did not.
	URL string
	// Source is the IP address of the CPE's last session.
	Source netip.Addr
	// Listener is the local IP address that the CPE talks to: HTTP Connection
	// Requests leave from there (quirk C-80). Not valid if not known.
	Listener netip.Addr

	// Logins for the device, most likely first. Passwords are secrets.
	Logins []Login

	// Milliseconds tells that ts is in milliseconds for this model, as FreeACS
	// writes it (quirk S-33); Slash, that a "/" stands before the "?" (S-31).
	Milliseconds, Slash bool
	// Basic tells that the device may be answered with Basic authentication.
	Basic bool
}

// Login is a ConnectionRequestUsername with its password.
type Login struct{ Username, Password string }

// Deps are what the service needs of others. Functions are called from many
// goroutines and must not block, but for Target, which may read the store.
type Deps struct {
	// Target looks up a device; ok is false for one that is not known. Required.
	Target func(cwmp.DeviceID) (t Target, ok bool)
	// SendUDP sends a datagram from the socket that is bound to local. Required
	// where UDP is on.
	SendUDP func(local, to netip.AddrPort, payload []byte) error
	// ByToken returns the device of a token that Tokens made. Required where ACSs
	// are served.
	ByToken func(token string) (cwmp.DeviceID, bool)
	// ByBinding returns the device that is bound to an address that the STUN
	// server sees. Required for the endpoint that is compatible with
	// genieacs-stunrelay.
	ByBinding func(remote netip.AddrPort) (cwmp.DeviceID, bool)
	// NonceKey makes the nonces of challenges to ACSs good on every gateway that
	// has it, and after a restart. It is a secret. Optional.
	NonceKey []byte
	// Finished is told of the end of each request. Optional.
	Finished func(Result)

	Store   store.Store
	Metrics prometheus.Registerer
	Log     *zap.Logger
	Now     func() time.Time
}

func (d *Deps) check() error {
	switch {
	case d.Target == nil || d.Now == nil:
		return errors.New("connreq: Deps.Target and Deps.Now are required")
	case d.Store == nil || d.Metrics == nil || d.Log == nil:
		return errors.New("connreq: Deps.Store, Deps.Metrics and Deps.Log are required")
	}
	return nil
}
