package stunsrv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/turn/v3"
)

// strangerRate bounds the answers a second to one source that has not signed in:
// challenges, and refusals of what is signed wrongly. An answer is longer than
// the request that it is for, and sources can be invented.
const strangerRate = 20

// relay is the TURN relay (RFC 8656) in a profile that sends alone: an ACS
// elsewhere obtains the STUN socket's own address as its relayed address, and what
// it sends through it must be a UDP Connection Request to a binding that it is
// entitled to. Nothing is relayed toward the client.
//
// The protocol's state is pion's: allocations, permissions, channels and nonces,
// which are signed and not kept. Around it stand, in the order in which a packet
// meets them: accept, on the goroutine that reads the STUN socket, which takes
// what is cheap to judge; a bounded queue; turnConn.admit, which authenticates and
// bounds what pion would not; and turnAllocation.WriteTo, which judges each
// datagram that is to leave.
type relay struct {
	cfg       TURNConfig
	server    *Server
	users     *turnUsers
	networks  []netip.Prefix
	strangers *limiter
	metrics   *turnMetrics
	conns     map[netip.AddrPort]*turnConn
}

// addRelay makes the relay a part of the server. It starts nothing.
func (s *Server) addRelay(cfg TURNConfig) (*relay, error) {
	cfg.SetDefaults()
	switch {
	case s.deps.MayReach == nil:
		return nil, errors.New("turn: Deps.MayReach is required")
	case len(s.sockets) == 0:
		return nil, errors.New("turn: the relay has no socket, add stun.listen")
	}
	r := &relay{
		cfg: cfg, server: s, strangers: newLimiter(strangerRate),
		conns: make(map[netip.AddrPort]*turnConn, len(s.sockets)),
	}
	var err error
	if r.networks, err = parseNetworks(cfg.Networks); err != nil {
		return nil, err
	}
	if r.metrics, err = newTURNMetrics(s.deps.Metrics); err != nil {
		return nil, err
	}
	if r.users, err = newTURNUsers(&cfg, r.metrics); err != nil {
		return nil, err
	}
	for _, socket := range s.sockets {
		r.conns[socket.local] = newTURNConn(r, socket.local)
	}
	s.relay = r.accept
	s.tasks = append(s.tasks, r.run)
	return r, nil
}

// run serves until ctx ends. There is one pion server for each socket, for
// turnConn relies on having a reader of its own.
func (r *relay) run(ctx context.Context) error {
	for _, conn := range r.conns {
		server, err := turn.NewServer(turn.ServerConfig{
			Realm: r.cfg.Realm, AuthHandler: conn.authenticated, LoggerFactory: turnLog{r.metrics}, InboundMTU: turnBuffer,
			PacketConnConfigs: []turn.PacketConnConfig{{
				PacketConn: conn, RelayAddressGenerator: relayAddresses{conn}, PermissionHandler: conn.permitted,
			}},
		})
		if err != nil {
			return fmt.Errorf("turn: %w", err)
		}
		defer func() {
			_ = server.Close()
			conn.wait()
		}()
	}
	<-ctx.Done()
	return nil
}

// Types of TURN messages that the relay takes (RFC 8656 17).
const (
	allocateRequest         = 0x0003
	refreshRequest          = 0x0004
	createPermissionRequest = 0x0008
	channelBindRequest      = 0x0009
	sendIndication          = 0x0016
)

// accept takes a packet of TURN from the reader of a socket. It tells false if
// the queue is full.
func (r *relay) accept(packet []byte, local, source netip.AddrPort) bool {
	conn := r.conns[local]
	if fate := r.judge(conn, packet, source); fate != turnAccepted {
		r.metrics.packet(fate)
		return true
	}
	if !conn.push(packet, source) {
		r.metrics.packet(turnQueueFull)
		return false
	}
	return true
}

// judge decides what can be decided without parsing or secrets.
func (r *relay) judge(conn *turnConn, packet []byte, source netip.AddrPort) turnFate {
	if !r.welcome(source.Addr()) {
		return turnNetwork
	}
	if packet[0]&0xC0 == 0x40 {
		return conn.known(source)
	}
	switch binary.BigEndian.Uint16(packet) {
	case sendIndication:
		return conn.known(source)
	case allocateRequest, refreshRequest, createPermissionRequest, channelBindRequest:
		if !hasIntegrity(packet) && !r.strangers.allow(source.Addr(), r.sinceEpoch()) {
			return turnStrangerLimit
		}
		return turnAccepted
	}
	return turnUnsupported
}

func (r *relay) sinceEpoch() time.Duration { return r.server.deps.Now().Sub(r.server.epoch) }

// welcome tells whether clients may come from an address.
func (r *relay) welcome(source netip.Addr) bool {
	for _, network := range r.networks {
		if network.Contains(source) {
			return true
		}
	}
	return len(r.networks) == 0
}

// hasIntegrity tells whether a message has MESSAGE-INTEGRITY.
func hasIntegrity(packet []byte) bool {
	for at := headerSize; at+attrHeaderSize <= len(packet); {
		if binary.BigEndian.Uint16(packet[at:]) == attrMessageIntegrity {
			return true
		}
		at += attrHeaderSize + (int(binary.BigEndian.Uint16(packet[at+2:]))+3)&^3
	}
	return false
}

func parseNetworks(texts []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		if ip, err := netip.ParseAddr(text); err == nil {
			ip = ip.Unmap()
			out = append(out, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("turn.networks: %q is not an address or a network such as 10.0.0.0/8", text)
		}
		out = append(out, network.Masked())
	}
	return out, nil
}
