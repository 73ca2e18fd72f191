package connreq

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	relayReaders = 4                     // a lookup may wait for the store, and others go on
	relayBuffer  = 4 << 20               // bytes in the kernel, for when an ACS wakes its fleet
	relayPause   = 10 * time.Millisecond // after a failure to receive
)

// relay receives UDP Connection Requests of ACSs, and passes those on that name a
// device. It never answers.
type relay struct {
	conn    *net.UDPConn
	suffix  string // of relay.host, in lower case; "" with ports
	acs     networks
	pass    *passer
	deps    *acsDeps
	outcome func(string)
}

func newRelay(cfg *RelayConfig, acs networks, pass *passer, deps *acsDeps, outcome func(string)) (*relay, error) {
	listen, err := netip.ParseAddrPort(cfg.Listen)
	if err != nil {
		return nil, errors.New("connection_request.relay.listen \"" + cfg.Listen + "\" is not ip:port")
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(listen))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(relayBuffer) // the kernel may give less, which is no reason to fail
	return &relay{conn: conn, suffix: relaySuffix(cfg), acs: acs, pass: pass, deps: deps, outcome: outcome}, nil
}

func relaySuffix(cfg *RelayConfig) string {
	return strings.ToLower(strings.TrimPrefix(cfg.Host, "*."))
}

// run receives until ctx is done.
func (r *relay) run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.conn.Close() })
	defer stop()
	var all sync.WaitGroup
	for range relayReaders {
		all.Go(func() { r.read(ctx) })
	}
	all.Wait()
	_ = r.conn.Close()
	return nil
}

// read receives until the socket is closed. Nothing else ends it: a lack of memory
// passes, and on some systems a datagram that is too long is an error.
func (r *relay) read(ctx context.Context) {
	buffer := make([]byte, maxDatagram+1)
	for {
		n, from, err := r.conn.ReadFromUDPAddrPort(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			r.outcome(outcomeReceive)
			_ = sleep(ctx, relayPause, nil) // whose only error is that the socket is being closed
		default:
			r.outcome(r.handle(buffer[:n], from, r.deps.Now()))
		}
	}
}

// handle passes one datagram on, and returns what became of it.
func (r *relay) handle(payload []byte, from netip.AddrPort, now time.Time) (outcome string) {
	if !r.acs.contains(from.Addr()) {
		return string(refusedSource)
	}
	d, err := ParseDatagram(payload)
	if err != nil {
		return refusal(err)
	}
	id, ok := deviceOf(r.deps, r.suffix, &d)
	if !ok {
		return string(refusedDevice)
	}
	c, err := r.pass.clear(id, &d, now)
	if err == nil {
		err = r.pass.send(&c)
	}
	switch {
	case err != nil:
		return refusal(err)
	case c.stale:
		return outcomeStale
	}
	return outcomeSent
}

// deviceOf finds the device that the authority of the request names, or else that
// of its Host header: by the token in a host name, or by the port.
func deviceOf(deps *acsDeps, suffix string, d *Datagram) (cwmp.DeviceID, bool) {
	for _, authority := range []string{d.Authority, d.Host} {
		if id, ok := deviceAt(deps, suffix, authority); ok {
			return id, true
		}
	}
	return cwmp.DeviceID{}, false
}

func deviceAt(deps *acsDeps, suffix, authority string) (cwmp.DeviceID, bool) {
	if suffix != "" {
		token, ok := tokenOfHost(authority, suffix)
		if !ok {
			return cwmp.DeviceID{}, false
		}
		return deps.ByToken(token)
	}
	_, digits, err := net.SplitHostPort(authority)
	if err != nil || deps.ByPort == nil {
		return cwmp.DeviceID{}, false
	}
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return cwmp.DeviceID{}, false
	}
	return deps.ByPort(uint16(port))
}

// refusal is the label of an error of ParseDatagram or of a passer.
func refusal(err error) string {
	var r Refusal
	if errors.As(err, &r) {
		return string(r)
	}
	return string(RefusedForm)
}
