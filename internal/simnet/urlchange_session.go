package simnet

import (
	"context"
	"errors"
	"net"
	"strings"
)

// errHungUp says that the CPE itself gave the session up.
var errHungUp = errors.New("CPE closed the connection over the new URL")

// serve carries out a request of the ACS and answers it, unless the make has
// other habits.
func (s *session) serve(ctx context.Context) error {
	c, m := s.cpe, s.last
	change := &c.make.URLChange
	if change.IgnoreIDs != "" && strings.HasPrefix(m.idText(), change.IgnoreIDs) {
		s.result.Ignored = append(s.result.Ignored, m.method)
		return s.sayNothing(ctx)
	}
	c.noteURLWrite(m)
	hangUp := NoHangUp
	if c.move.odd {
		hangUp = change.HangUp
	}
	if hangUp == HangUpUnapplied {
		return errHungUp
	}
	method, body := c.answer(m)
	s.result.RPCs = append(s.result.RPCs, m.method)
	if method == "Fault" {
		s.result.Faults = append(s.result.Faults, c.lastFault)
	}
	if hangUp == HangUpApplied {
		return errHungUp
	}
	if _, err := s.post(ctx, post{kind: method, when: WithBody, body: body}); err != nil {
		return err
	}
	if hangUp == HangUpAnswered {
		return errHungUp
	}
	return nil
}

// sayNothing sends an empty POST.
func (s *session) sayNothing(ctx context.Context) error {
	s.idle = s.idle || !s.hold
	_, err := s.post(ctx, post{kind: "empty", when: WhenEmpty})
	return err
}

// address is where the session's ACS is dialled.
func (s *session) address() (string, error) {
	c := s.cpe
	address := hostPort(s.url.Hostname(), s.url.Port(), s.url.Scheme)
	if c.make.URLChange.Stranded && c.move.text != c.cfg.URL {
		return "", noSuchHost(s.url.Hostname())
	}
	if c.cfg.Resolve == nil {
		return address, nil
	}
	return c.cfg.Resolve(address)
}

// noSuchHost is what a resolver says of a name that it does not know.
func noSuchHost(host string) error {
	return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}
