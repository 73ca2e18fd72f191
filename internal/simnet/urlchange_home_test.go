package simnet

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestHomeMoves: a CPE behind a NAT that is sent to another ACS goes there at
// once, not when it is called the next time.
func TestHomeMoves(t *testing.T) {
	p := newPair(t, ACSConfig{Script: Asking(WriteURL(newURL))}, ACSConfig{})
	outside, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := netip.MustParseAddrPort("127.0.0.1:9") // nobody answers
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	h, err := NewHome(HomeConfig{
		CPE: p.cpe(t, generic().WithSTUN(server), nil), STUN: STUNConfig{Server: server, Profile: STUNProfiles()[0]},
		Private: netip.MustParseAddrPort("192.168.1.2:7547"), Outside: outside,
		Session: func(r Result, err error) {
			if err != nil {
				t.Errorf("session: %v", err)
			}
			if r.Legs[0].URL == newURL {
				cancel()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
	if seen := informs(p.new); !slices.Equal(seen, []string{cwmp.EventBootstrap}) {
		t.Errorf("new ACS saw %q", seen)
	}
}
