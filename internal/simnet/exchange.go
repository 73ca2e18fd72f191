package simnet

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// post is one message of the CPE, to be sent as often as challenges,
// redirects and lost connections demand.
type post struct {
	kind string // RPC name, "probe" or "empty"
	when Occasion
	body []byte
}

// maxRedirects is how many redirects in a row a CPE must follow. TR-069 3.4.6.
const maxRedirects = 5

// exchange sends a post and returns the reply that is left after challenges
// have been answered and redirects followed.
func (s *session) exchange(ctx context.Context, p post) (*reply, error) {
	var challenges, hops, lost int
	for {
		r, err := s.once(ctx, p)
		switch {
		case errors.Is(err, errStale) && lost == 0:
			lost++
		case err != nil:
			return nil, err
		case r.Status == 401:
			if challenges++; challenges > maxChallenges || !s.cpe.challenged(r.Fields) {
				return nil, &StatusError{Status: 401}
			}
		case r.Status == 301 || r.Status == 302 || r.Status == 307:
			if hops++; hops > maxRedirects {
				return nil, fmt.Errorf("ACS redirects more than %d times", maxRedirects)
			}
			if err := s.redirect(r.Fields.Get("Location")); err != nil {
				return nil, err
			}
		case r.Status == 415 && s.cpe.encoding() != "" && len(p.body) > 0:
			s.cpe.plain = true
		default:
			return r, nil
		}
	}
}

// errStale says that a connection that had worked was found closed before the
// first byte of a reply. A CPE then opens another and goes on. TR-069 3.4.1.
var errStale = errors.New("connection was closed between exchanges")

// once sends a post a single time, over the open connection or a new one.
func (s *session) once(ctx context.Context, p post) (*reply, error) {
	if err := s.connect(ctx); err != nil {
		return nil, err
	}
	l := s.line
	leg := Leg{Sent: p.kind, URL: s.url.String(), Connection: l.number, Local: l.local, Remote: l.remote}
	started := time.Now()
	r, err := s.transfer(ctx, l, p, &leg)
	leg.Took = time.Since(started)
	l.posts++
	if r != nil {
		s.noteReply(r, p, &leg)
	}
	s.result.Legs = append(s.result.Legs, leg)
	if err != nil || s.closesAfter(r) {
		s.hangUp()
	}
	if errors.Is(err, errClosed) && l.posts > 1 {
		if s.cpe.make.NoReconnect {
			return nil, violation("C-66", "the connection ended within the session")
		}
		err = errStale
	}
	return r, s.orContext(ctx, err)
}

// orContext prefers the context's error to what it caused on the connection.
func (s *session) orContext(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// connect makes sure that there is a connection.
func (s *session) connect(ctx context.Context) error {
	if s.line != nil {
		return nil
	}
	if s.cpe.make.NoReconnect && s.result.Connections > 0 && !s.redirected {
		return violation("C-66", "the connection ended within the session")
	}
	l, err := s.dial(ctx)
	if err != nil {
		return s.orContext(ctx, err)
	}
	s.redirected = false
	s.result.Connections++
	l.number = s.result.Connections
	conn := l.conn
	l.stop = context.AfterFunc(ctx, func() { conn.SetDeadline(past) })
	s.line = l
	return nil
}

// transfer writes the request and reads the reply.
func (s *session) transfer(ctx context.Context, l *line, p post, leg *Leg) (*reply, error) {
	c, m := s.cpe, s.cpe.make
	body := p.body
	values := headerValues{host: s.url.Host, cookies: c.jar.lines(), close: m.Connection == PerPostClose}
	if len(body) > 0 && c.encoding() != "" {
		values.encoding = c.encoding()
		body = compress(body, values.encoding)
	}
	values.length = len(body)
	values.chunked = m.Chunked && len(body) > 0
	values.expect = m.Expect && len(body) > 0
	values.authorization = c.authorization(s.url, p.kind == "Inform", body)
	head := m.requestHead(s.target(), p.when, values)
	leg.Cookies, leg.Authorized = values.cookies, values.authorization != ""
	if c.cfg.Trace {
		leg.RequestHead = string(head)
	}
	if values.chunked {
		body = chunk(body)
	}
	l.deadline(ctx, c.cfg.Timeout)
	if values.expect {
		return s.transferExpecting(ctx, l, head, body)
	}
	if err := l.send(ctx, append(head, body...), m.Pace); err != nil {
		return nil, sendError(err)
	}
	l.deadline(ctx, c.cfg.Timeout)
	return l.receive(&m.Rules, false)
}

// transferExpecting sends the body once the ACS has said 100, or nothing for a
// second. A final reply instead means that the body is not wanted.
func (s *session) transferExpecting(ctx context.Context, l *line, head, body []byte) (*reply, error) {
	m := s.cpe.make
	if err := l.send(ctx, head, m.Pace); err != nil {
		return nil, sendError(err)
	}
	if l.awaitContinue(ctx) {
		l.deadline(ctx, s.cpe.cfg.Timeout)
		r, err := l.receive(&m.Rules, true)
		if err != nil || r.Status != 100 {
			if r != nil {
				r.ends = true // the ACS may still count on the body
			}
			return r, err
		}
	}
	l.deadline(ctx, s.cpe.cfg.Timeout)
	if err := l.send(ctx, body, m.Pace); err != nil {
		return nil, sendError(err)
	}
	l.deadline(ctx, s.cpe.cfg.Timeout)
	return l.receive(&m.Rules, false)
}

func (s *session) target() string {
	if s.cpe.make.AbsoluteTarget {
		return s.url.Scheme + "://" + s.url.Host + s.url.RequestURI()
	}
	return s.url.RequestURI()
}

// noteReply records a reply and keeps its cookies.
func (s *session) noteReply(r *reply, p post, leg *Leg) {
	leg.Status, leg.SetCookies = r.Status, setCookies(r.Fields)
	if s.cpe.cfg.Trace {
		leg.ReplyHead, leg.ReplyBody = r.head, r.body
	}
	s.cpe.jar.store(leg.SetCookies, p.kind == "Inform" && r.Status == 200)
}

func (s *session) closesAfter(r *reply) bool {
	m := s.cpe.make
	return r.ends || m.Connection != KeepAlive || r.Status == 401 && m.CloseAfter401
}

// redirect turns the rest of the session to another URL. It is not stored:
// the next session goes to ManagementServer.URL again. TR-069 3.4.6.
func (s *session) redirect(location string) error {
	target, err := s.url.Parse(location)
	if err != nil || location == "" || target.Hostname() == "" || !strings.HasPrefix(target.Scheme, "http") {
		return fmt.Errorf("ACS redirects to %q, which is no URL", location)
	}
	if !sameServer(target, s.url) {
		s.hangUp()
		s.redirected = true
	}
	s.url = target
	return nil
}

func sameServer(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

func sendError(err error) error {
	if isReset(err) {
		return errClosed
	}
	return err
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
