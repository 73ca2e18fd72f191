package main

import (
	"context"
	"crypto/tls"
	"fmt"
)

// plainSessions compares whole sessions over plain HTTP.
func (b *bench) plainSessions(ctx context.Context) (report, error) {
	r := report{section: "sessions", title: "Sessions over plain HTTP"}
	kinds := []kind{kindBaseline, kindPooled, kindHAProxy, kindNginx, kindNginxAlive, kindGateway, kindDirect}
	err := b.sessionsThrough(ctx, &r, kinds, setup{}, b.sessionLoad(b.sessions, nil))
	return r, err
}

// busyWorkers is how many sessions are under way at a time in a storm.
const busyWorkers = 64

// busySessions compares plain sessions when many are under way at a time. What
// a Go proxy spends on waking up is then shared by more of them, and a pool of
// connections that is small helps less.
func (b *bench) busySessions(ctx context.Context) (report, error) {
	r := report{section: "busy", title: fmt.Sprintf("Sessions over plain HTTP, %d at a time", busyWorkers)}
	l := b.sessionLoad(b.sessions, nil)
	l.workers = busyWorkers
	err := b.sessionsThrough(ctx, &r, []kind{kindBaseline, kindPooled, kindHAProxy, kindGateway}, setup{}, l)
	return r, err
}

// tls13Sessions compares whole sessions over TLS 1.3.
func (b *bench) tls13Sessions(ctx context.Context) (report, error) {
	r := report{section: "tls", title: "Sessions over TLS 1.3: P-256, a full handshake each"}
	err := b.tlsSessions(ctx, &r, tls.VersionTLS13)
	return r, err
}

// tls12Sessions compares whole sessions over TLS 1.2, which most CPEs speak.
func (b *bench) tls12Sessions(ctx context.Context) (report, error) {
	r := report{section: "tls12", title: "Sessions over TLS 1.2: P-256, a full handshake each"}
	err := b.tlsSessions(ctx, &r, tls.VersionTLS12)
	return r, err
}

func (b *bench) tlsSessions(ctx context.Context, r *report, version uint16) error {
	kinds := []kind{kindBaseline, kindHAProxy, kindNginx, kindGateway}
	l := b.sessionLoad(max(b.sessions/2, 1), b.cert.clientTLS(version))
	return b.sessionsThrough(ctx, r, kinds, setup{cert: b.cert}, l)
}

func (b *bench) sessionLoad(sessions int, t *tls.Config) load {
	return load{
		target: target{path: "/cwmp", tls: t}, sessions: sessions, workers: b.workers, device: numberedDevice,
	}
}

// sessionsThrough runs the comparison of the given kinds and judges acsgate.
func (b *bench) sessionsThrough(ctx context.Context, r *report, kinds []kind, s setup, l load) error {
	all, err := b.enterAll(ctx, r, kinds, s, l)
	defer leaveAll(all)
	if err != nil {
		return err
	}
	if err := b.compare(ctx, all); err != nil {
		return err
	}
	r.tabulate(all, kindBaseline)
	if s.cert == nil {
		r.target(all, kindGateway, kindBaseline, 0.65)
		r.target(all, kindGateway, kindHAProxy, 1.5)
	} else {
		r.target(all, kindGateway, kindHAProxy, 1)
	}
	r.note("%d rounds of %d sessions, %d at a time. Ratios are to %s: the median of the rounds' quotients. "+
		"moved: requests that reached the ACS on another connection than their session's Inform, which a strict ACS refuses.",
		b.rounds, l.sessions, l.workers, kindBaseline)
	return b.profileGateway(ctx, r, find(all, kindGateway))
}
