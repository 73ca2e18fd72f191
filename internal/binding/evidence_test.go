package binding

import (
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

const (
	home  = "198.51.100.7"      // the IP address of V's sessions
	homeA = "198.51.100.7:1024" // ports there
	homeB = "198.51.100.7:2048"
	homeC = "198.51.100.7:4096"
	evil  = "203.0.113.66:666" // somewhere else
	evil2 = "203.0.113.66:667"
)

func TestS12_EvidenceOfFirstBinding(t *testing.T) {
	tests := []struct {
		name string
		do   func(f *fixture)
		want string
		ev   Evidence
	}{
		{"name alone", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(1, userV, evil)
		}, evil, Named},
		{"second template", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(1, "00AA01-V", evil)
		}, evil, Named},
		{"name and session's IP address", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(1, userV, homeA)
		}, homeA, SameIP},
		{"learned name", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.SetUser(v, "cpe57689")
			f.sees(1, "cpe57689", homeA)
		}, homeA, SameIP},
		{"learned name makes known", func(f *fixture) {
			f.SetUser(v, "cpe57689")
			f.sees(1, "cpe57689", homeA)
		}, homeA, Named},
		{"name and reported", func(f *fixture) {
			f.claims(0, v, "198.51.100.9", homeA, "")
			f.sees(1, userV, homeA)
		}, homeA, Reported},
		{"reported without a name", func(f *fixture) {
			f.claims(0, v, home, homeA, "")
			f.claims(0, w, home, "", "")
			f.sees(1, "", homeA)
		}, homeA, Reported},
		{"reported with a name that nobody has", func(f *fixture) {
			f.claims(0, v, home, homeA, "")
			f.sees(1, "whoever", homeA)
		}, homeA, Reported},
		{"signed", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(1, userV, evil, signed)
		}, evil, Signed},
		{"alone", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(1, "", homeA)
		}, homeA, Alone},
		{"not alone", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.claims(0, w, home, "", "")
			f.sees(1, "", homeA)
		}, "", None},
		{"alone, but another name", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(1, "whoever", homeA)
		}, "", None},
		{"alone again", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.claims(0, w, home, "", "")
			f.claims(1, w, "198.51.100.9", "", "")
			f.sees(2, "", homeA)
		}, homeA, Alone},
		{"packet before the session, named", func(f *fixture) {
			f.sees(0, userV, homeA)
			f.claims(60, v, home, "", "")
		}, homeA, SameIP},
		{"packet before the session, alone", func(f *fixture) {
			f.sees(0, "", homeA)
			f.claims(60, v, home, "", "")
		}, homeA, Alone},
		{"packet before the session, reported", func(f *fixture) {
			f.sees(0, "whoever", homeA)
			f.claims(60, v, "198.51.100.9", homeA, "")
		}, homeA, Reported},
		{"packet before the name is learned", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(0, "cpe57689", homeA)
			f.SetUser(v, "cpe57689")
		}, homeA, SameIP},
		{"packet long before the session", func(f *fixture) {
			f.sees(0, userV, homeA)
			f.claims(waitingTime+1, v, home, "", "")
		}, "", None},
		{"session after the packet raises", func(f *fixture) {
			f.claims(0, v, "198.51.100.9", "", "")
			f.sees(1, userV, homeA)
			f.claims(2, v, home, "", "")
		}, homeA, SameIP},
		{"report after the packet raises", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(1, userV, homeA)
			f.claims(2, v, home, homeA, "")
		}, homeA, Reported},
		{"0.0.0.0 reported says nothing", func(f *fixture) {
			f.claims(0, v, home, homeA, "")
			f.claims(1, v, home, "0.0.0.0:0", "")
			f.sees(2, userV, homeA)
		}, homeA, Reported},
		{"IPv6", func(f *fixture) {
			f.claims(0, v, "2001:db8::7", "", "")
			f.sees(1, userV, "[2001:db8::7]:1024")
		}, "[2001:db8::7]:1024", SameIP},
		{"IPv4 in IPv6", func(f *fixture) {
			f.claims(0, v, home, "", "")
			f.sees(1, userV, "[::ffff:198.51.100.7]:1024")
		}, homeA, SameIP},
		{"unknown device", func(f *fixture) { f.sees(1, userV, homeA) }, "", None},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTable(t)
			tt.do(f)
			f.want(v, tt.want, tt.ev)
			f.want(w, "", None)
			if tt.ev > Named {
				f.wantDevice(tt.want, v)
			} else if tt.want != "" {
				f.wantDevice(tt.want, cwmp.DeviceID{})
			}
			f.check()
		})
	}
}

// What takes the place of a binding of SameIP, Reported and so on.
func TestS13_WhatDisplacesABinding(t *testing.T) {
	tests := []struct {
		name      string
		do        func(f *fixture) // V is bound to homeA as SameIP, heard at 0, 30 and 60
		want      string
		ev        Evidence
		candidate string
	}{
		{"foreign packet does not", func(f *fixture) { f.sees(61, userV, evil) }, homeA, SameIP, evil},
		{"nor with BINDING-CHANGE", func(f *fixture) { f.sees(61, userV, evil, announced) }, homeA, SameIP, evil},
		{"nor when the binding is stale", func(f *fixture) { f.sees(10_000, userV, evil, announced) }, homeA, SameIP, evil},
		{"signature does", func(f *fixture) { f.sees(61, userV, evil, signed) }, evil, Signed, homeA},
		{"other port waits", func(f *fixture) { f.sees(61, userV, homeB) }, homeA, SameIP, homeB},
		{"BINDING-CHANGE does at once", func(f *fixture) { f.sees(61, userV, homeB, announced) }, homeB, SameIP, homeA},
		{"in place of the keep-alive", func(f *fixture) { f.sees(90, userV, homeB) }, homeB, SameIP, homeA},
		{"when stale", func(f *fixture) {
			f.sees(61, userV, homeB)
			f.sees(80, userV, homeB)
			f.sees(106, userV, homeB)
		}, homeB, SameIP, homeA},
		{"report does at once", func(f *fixture) {
			f.sees(61, userV, homeB)
			f.claims(62, v, home, homeB, "")
		}, homeB, Reported, homeA},
		{"report ahead of the packet does", func(f *fixture) {
			f.claims(62, v, home, homeB, "")
			f.sees(63, userV, homeB)
		}, homeB, Reported, homeA},
		{"session from the candidate's address does", func(f *fixture) {
			f.sees(61, userV, evil)
			f.claims(62, v, "203.0.113.66", "", "")
		}, evil, SameIP, homeA},
		{"but not for an old candidate", func(f *fixture) {
			f.sees(61, userV, evil)
			f.sees(90, userV, homeA)
			f.sees(120, userV, homeA)
			f.claims(121, v, "203.0.113.66", "", "")
		}, homeA, SameIP, evil},
		{"another's session there does not", func(f *fixture) {
			f.sees(61, userV, evil)
			f.claims(62, w, "203.0.113.66", evil, "")
		}, homeA, SameIP, evil},
		{"a session from home does not bring a foreign candidate in, stale or not", func(f *fixture) {
			f.sees(10_000, userV, evil, announced)
			f.claims(10_001, v, home, "", "")
		}, homeA, SameIP, evil},
		{"packet from where the session now is does", func(f *fixture) {
			f.claims(62, v, "203.0.113.66", "", "")
			f.sees(63, userV, evil)
		}, evil, SameIP, homeA},
		{"session from elsewhere alone does not", func(f *fixture) {
			f.claims(62, v, "203.0.113.66", "", "")
			f.sees(63, userV, "203.0.113.5:5")
		}, homeA, SameIP, "203.0.113.5:5"},
		{"nameless packet does not, stale or not", func(f *fixture) { f.sees(10_000, "", homeB) }, homeA, SameIP, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTable(t)
			f.claims(0, v, home, "", "")
			for _, second := range []int{0, 30, 60} {
				f.sees(second, userV, homeA)
			}
			tt.do(f)
			f.want(v, tt.want, tt.ev)
			f.wantCandidate(v, tt.candidate)
			f.check()
		})
	}
}

func TestWeakerEvidenceReplacesAStaleBindingAlone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		second int
		source string
		want   string
		ev     Evidence
	}{
		{"fresh", 61, homeB, homeA, Signed},
		{"stale", 200, homeB, homeB, SameIP},
		{"stale, but foreign", 200, evil, homeA, Signed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newTable(t)
			f.claims(0, v, home, "", "")
			f.sees(0, userV, homeA, signed)
			f.sees(30, userV, homeA) // a signature is not asked for each time (quirk S-21)
			f.sees(60, userV, homeA)
			f.want(v, homeA, Signed)
			f.sees(tt.second, userV, tt.source, announced)
			f.want(v, tt.want, tt.ev)
		})
	}
}

func TestTwoDevicesWithOneName(t *testing.T) {
	const name = "tr069"
	setUp := func(t *testing.T) *fixture {
		f := newTable(t)
		f.claims(0, v, home, "", "")
		f.claims(0, w, "198.51.100.9", "", "")
		f.SetUser(v, name)
		f.SetUser(w, name)
		return f
	}
	t.Run("the IP address decides", func(t *testing.T) {
		f := setUp(t)
		f.sees(1, name, homeA)
		f.sees(1, name, "198.51.100.9:5")
		f.sees(2, name, evil)
		f.want(v, homeA, SameIP)
		f.want(w, "198.51.100.9:5", SameIP)
		f.wantCandidate(v, "")
		f.wantMetric("acsgate_bindings_unattributed_total", "", 1)
		f.check()
	})
	t.Run("the signature proves nothing", func(t *testing.T) {
		f := setUp(t)
		f.sees(1, name, evil, signed)
		f.want(v, "", None)
		f.want(w, "", None)
	})
	t.Run("nobody is named", func(t *testing.T) {
		f := setUp(t)
		if id, ok := f.ByUser([]byte(name)); ok {
			t.Errorf("%v is the only one", id)
		}
		f.SetUser(w, "other")
		if id, ok := f.ByUser([]byte(name)); !ok || id != v {
			t.Errorf("%v, %v", id, ok)
		}
		f.SetUser(v, "")
		if _, ok := f.ByUser([]byte(name)); ok {
			t.Error("a name outlives its device")
		}
		f.check()
	})
	t.Run("behind one address", func(t *testing.T) {
		f := setUp(t)
		f.claims(1, w, home, "", "")
		f.sees(2, name, homeA)
		f.want(v, "", None)
		f.want(w, "", None)
		f.claims(3, v, home, homeA, "")
		f.claims(3, w, home, homeB, "")
		f.sees(4, name, homeA)
		f.sees(4, name, homeB)
		f.want(v, homeA, Reported)
		f.want(w, homeB, Reported)
		f.check()
	})
	t.Run("one takes the other's", func(t *testing.T) {
		f := newTable(t)
		f.claims(0, v, home, "", "")
		for second := range 5 {
			f.sees(30*second, userV, homeA)
		}
		f.claims(121, w, "203.0.113.66", "", "")
		f.SetUser(w, userV) // a squatter
		f.sees(122, userV, evil, announced)
		f.sees(150, userV, homeA)
		f.want(v, homeA, SameIP)
		f.wantCandidate(v, "")
		f.want(w, evil, SameIP)
		if b := f.binding(v); !b.LastSeen.Equal(at(150)) {
			t.Errorf("last seen %v: the squatter makes it stale", b.LastSeen)
		}
		f.check()
	})
}

func TestAloneOnlyWhileAlone(t *testing.T) {
	f := newTable(t)
	f.claims(0, v, home, "", "")
	f.sees(1, "", homeA)
	f.want(v, homeA, Alone)
	f.claims(2, w, home, "", "")
	f.want(v, homeA, None)
	f.wantDevice(homeA, cwmp.DeviceID{})
	b := f.binding(v)
	if ok, why := f.Usable(&b); ok || why == "" {
		t.Errorf("usable: %v %q", ok, why)
	}
	f.sees(3, "", homeA)
	f.want(v, homeA, None)
	f.check()

	f.claims(4, w, "198.51.100.9", "", "")
	f.sees(31, "", homeA)
	f.want(v, homeA, Alone)
	f.claims(32, v, "198.51.100.10", "", "")
	f.want(v, homeA, None)
	f.claims(33, v, home, "", "")
	f.want(v, homeA, Alone)
	f.check()
}

func TestAnAddressOfADeviceThatIsGoneIsFreeAfterADay(t *testing.T) {
	f := newTable(t)
	f.claims(0, v, home, "", "")
	f.sees(1, userV, homeA)
	f.claims(claimTime-10, w, home, "", "")
	f.sees(claimTime-9, "", homeB)
	f.want(w, "", None)
	f.claims(claimTime, w, "198.51.100.9", "", "")
	f.claims(2*claimTime+10, w, home, "", "")
	f.sees(2*claimTime+11, "", homeB)
	f.want(w, homeB, Alone)
	f.want(v, homeA, SameIP)
	f.check()
}

func TestAnAddressIsOneDevices(t *testing.T) {
	f := newTable(t)
	f.claims(0, v, home, "", "")
	f.claims(0, w, home, homeA, "") // a lie
	for second := range 5 {
		f.sees(30*second, userV, homeA)
	}
	f.sees(121, userW, homeA)
	f.want(w, homeA, Reported)
	f.wantDevice(homeA, v)
	f.check()
	// The NAT gives the port to another when V is silent.
	f.sees(200, userW, homeA)
	f.wantDevice(homeA, w)
	f.check()
	f.sees(201, userV, homeB, announced)
	f.wantDevice(homeB, v)
	f.check()
}

func TestALieDoesNotTakeANamelessBinding(t *testing.T) {
	f := newTable(t)
	f.claims(0, w, "203.0.113.66", homeA, "") // reports V's address
	f.claims(0, v, home, "", "")
	f.sees(1, "", homeA)
	f.want(v, homeA, Alone)
	f.want(w, "", None)
	f.sees(31, "", homeA)
	f.want(v, homeA, Alone)
	f.check()
}

func TestUsable(t *testing.T) {
	f := newTable(t)
	liberal := newFixture(t, Config{AcceptUncorroborated: true}, f.store)
	f.claims(0, v, home, "", "")
	f.sees(1, userV, evil)
	b := f.binding(v)
	if ok, why := f.Usable(&b); ok || why == "" {
		t.Errorf("named: %v %q", ok, why)
	}
	if ok, why := liberal.Usable(&b); !ok || why != "" {
		t.Errorf("named, accepted: %v %q", ok, why)
	}
	f.sees(2, userV, homeA)
	b = f.binding(v)
	if ok, why := f.Usable(&b); !ok || why != "" {
		t.Errorf("corroborated: %v %q", ok, why)
	}
	if ok, why := liberal.Usable(&Binding{}); ok || why == "" {
		t.Errorf("none: %v %q", ok, why)
	}
}
