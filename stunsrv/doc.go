// Package stunsrv answers STUN as the clients of TR-069 Annex G (TR-111 part 2)
// expect it, tells who was seen from where, and lends its sockets to those who
// must be seen coming from them: UDP Connection Requests leave from the very
// socket that saw the binding, and the TURN relay of ACSs elsewhere has no other
// address. It owns the UDP sockets and never closes or rebinds one while it runs
// (quirk S-16). It decides nothing about devices: whose binding a packet is, and
// whether it may be believed, is for those who are told of the sighting.
package stunsrv
