package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// STUN servers that are compared.
const (
	kindEcho   kind = "Go UDP echo"
	kindStund  kind = "stund"
	kindCoturn kind = "coturn"
)

// stunServer is one STUN server of a comparison.
type stunServer struct {
	kind   kind
	child  *child
	proxy  *proxy // acsgate only
	listen netip.AddrPort

	saturated, paced stunSeries
	lost             []float64 // shares, at the rate that stund sustains
}

// stunSeries holds one value a round.
type stunSeries struct{ cpu, system, rate []float64 }

// startSTUN starts a server that answers keep-alives of a fleet.
func (b *bench) startSTUN(ctx context.Context, k kind, l *stunLoad) (*stunServer, error) {
	address, err := b.ports.free()
	if err != nil {
		return nil, err
	}
	s := &stunServer{kind: k, listen: netip.MustParseAddrPort(address)}
	if k == kindGateway {
		err = b.startSTUNGateway(ctx, s, boundFleet{size: l.fleet, stun: s.listen, port: l.socket.port})
	} else {
		err = b.startRival(s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k, err)
	}
	answers := func() error {
		got, err := l.saturate(ctx, s.listen, 1)
		if err == nil && got.Answered == 0 {
			err = errors.New("no answer to a Binding Request")
		}
		return err
	}
	if err := s.child.await(ctx, 10*time.Second, answers); err != nil {
		s.child.stop()
		return nil, err
	}
	return s, nil
}

// startRival starts a server that is not ours.
func (b *bench) startRival(s *stunServer) error {
	argv, err := b.rivalCommand(s)
	if err != nil {
		return err
	}
	s.child, err = command{name: string(s.kind), argv: argv, env: b.goEnv(), dir: b.dir}.start()
	return err
}

func (b *bench) rivalCommand(s *stunServer) ([]string, error) {
	ip, port := s.listen.Addr().String(), fmt.Sprint(s.listen.Port())
	switch s.kind {
	case kindEcho:
		return []string{b.self, roleEcho, "-listen", s.listen.String()}, nil
	case kindStund:
		program, err := look("stund")
		if err != nil {
			return nil, err
		}
		other, err := b.ports.free()
		if err != nil {
			return nil, err
		}
		_, second := netip.MustParseAddrPort(other).Addr(), netip.MustParseAddrPort(other).Port()
		return []string{program, "-h", ip, "-p", port, "-o", fmt.Sprint(second)}, nil
	case kindCoturn:
		program, err := look("turnserver")
		return []string{
			program, "-n", "--stun-only", "--no-auth", "-L", ip, "-p", port, "--no-tls", "--no-dtls", "--no-tcp", "--no-cli",
			"--log-file", "stdout", "--pidfile", filepath.Join(b.dir, "coturn.pid"), "--userdb", filepath.Join(b.dir, "coturn.db"),
		}, err
	default:
		return nil, fmt.Errorf("unknown kind %q", s.kind)
	}
}

// startSTUNGateway starts acsgate, which knows the fleet and its bindings.
func (b *bench) startSTUNGateway(ctx context.Context, s *stunServer, f boundFleet) error {
	dir := filepath.Join(b.dir, "acsgate-stun")
	if err := fillFleet(ctx, dir, f); err != nil {
		return fmt.Errorf("fill a store: %w", err)
	}
	p, err := b.startProxy(ctx, kindGateway, setup{
		acs: "127.0.0.1:9", dataDir: dir, extra: fmt.Sprintf("stun: {listen: [%q]}\n", s.listen),
	})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	s.proxy, s.child = p, p.child
	return nil
}
