package stunsrv

import (
	"bytes"
	"net/netip"
	"time"
)

// relayFunc takes a packet of TURN that came in on the socket of local. It must
// neither block nor keep packet, and tells whether it had room for it.
type relayFunc func(packet []byte, local, source netip.AddrPort) bool

// process decides what becomes of the datagram of that number in the batch. A
// socket has four kinds of traffic: classic STUN, STUN, TURN and, by mistake, UDP
// Connection Requests of an ACS (quirk S-02).
func (r *reader) process(i int, now time.Time) disposition {
	packet, source, whole := r.batch.packet(i)
	if !r.server.limiter.allow(source.Addr(), now.Sub(r.server.epoch)) {
		return rateLimited
	}
	if !whole {
		return oversized
	}
	switch classify(packet) {
	case binding:
		return r.handle(i, packet, source, now)
	case turnMessage, channelData:
		return r.server.relayed(packet, r.socket.local, source)
	}
	if bytes.HasPrefix(packet, []byte("GET ")) {
		return misdirected
	}
	return notSTUN
}

// relayed hands a packet to the TURN relay.
func (s *Server) relayed(packet []byte, local, source netip.AddrPort) disposition {
	if s.relay == nil || !s.relay(packet, local, source) {
		return turnOff
	}
	return toTURN
}

// handle queues the answer to a Binding Request, and what was sighted.
func (r *reader) handle(i int, packet []byte, source netip.AddrPort, now time.Time) disposition {
	o := &r.outcome
	o.reply = r.batch.reply(i)
	r.server.handler.handle(packet, &r.socket.topology, source, now, o)
	if o.sighted {
		r.sightings = append(r.sightings, o.sighting)
		if r.watch.note(&o.sighting) {
			r.server.warnRewritten(r.socket.local, source.Addr(), now)
		}
	}
	if len(o.reply) == 0 {
		return o.disposition
	}
	if o.from == ownSocket {
		r.batch.answer(i, o.destination.Port(), o.reply)
		r.pending = append(r.pending, o.disposition)
		return o.disposition
	}
	if err := r.socket.changed[o.from].send(o.destination, o.reply); err != nil {
		r.server.metrics.unsent(err)
		return unsent
	}
	return o.disposition
}
