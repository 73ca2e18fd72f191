package connreq

import (
	"net/netip"
	"slices"
	"testing"
)

func TestS33_S44_Unit(t *testing.T) {
	for name, c := range map[string]struct {
		record        record
		target        Target
		millis, trial bool
	}{
		"new":                            {},
		"model":                          {target: Target{Milliseconds: true}, millis: true},
		"answered to milliseconds":       {record: record{millis: true, seconds: true}, millis: true},
		"two in vain":                    {record: record{silent: 2}},
		"three in vain":                  {record: record{silent: 3}, millis: true, trial: true},
		"S-44 answered to seconds ever":  {record: record{silent: 200, seconds: true}},
		"tried already":                  {record: record{silent: 200, tried: true}},
		"stale binding proves nothing":   {record: record{silent: 200}, target: Target{Stale: true}},
		"stale, but known":               {record: record{millis: true}, target: Target{Stale: true}, millis: true},
		"operator knows better (S-33)":   {record: record{seconds: true}, target: Target{Milliseconds: true}, millis: true},
		"answered to both, then BOOT":    {record: func() record { r := record{seconds: true, millis: true}; r.booted(); return r }()},
		"trial in vain, BOOT, new count": {record: func() record { r := record{tried: true, silent: 9}; r.booted(); return r }()},
	} {
		if millis, trial := c.record.milliseconds(&c.target); millis != c.millis || trial != c.trial {
			t.Errorf("%s: %v, %v; want %v, %v", name, millis, trial, c.millis, c.trial)
		}
	}
}

func TestSilenceIsCountedWhereItMeansSomething(t *testing.T) {
	var r record
	r.unanswered(true, false)
	r.unanswered(false, true)
	if r.silent != 0 {
		t.Errorf("milliseconds or a stale binding count: %d", r.silent)
	}
	for range 300 {
		r.unanswered(false, false)
	}
	if r.silent != 255 {
		t.Errorf("silent is %d", r.silent)
	}
	if r.answered(false); r.silent != 0 || !r.seconds {
		t.Errorf("%+v after an answer", r)
	}
	if r.booted() {
		t.Error("BOOT changes a device that knows seconds")
	}
	if r.answered(true); !r.booted() || !r.seconds || r.millis {
		t.Errorf("%+v after a BOOT", r)
	}
}

func TestOrder(t *testing.T) {
	ways := []*way{{Transport: &udp{}}, {Transport: &httpTransport{}}}
	source := netip.MustParseAddr("203.0.113.9")
	bound := netip.MustParseAddrPort("203.0.113.9:1024")
	for name, c := range map[string]struct {
		target Target
		worked string
		want   []string
	}{
		"nothing known":             {Target{}, "", []string{UDP, HTTP}},
		"NAT":                       {Target{Remote: bound, Source: source, URL: "http://192.168.1.2:7547/x"}, "", []string{UDP, HTTP}},
		"no NAT":                    {Target{Remote: bound, Source: source, URL: "http://203.0.113.9:7547/x"}, "", []string{HTTP, UDP}},
		"no NAT, but UDP worked":    {Target{Remote: bound, Source: source, URL: "http://203.0.113.9:7547/x"}, UDP, []string{UDP, HTTP}},
		"NAT, but HTTP worked":      {Target{Remote: bound, Source: source, URL: "http://192.168.1.2:7547/x"}, HTTP, []string{HTTP, UDP}},
		"no NAT, IPv6":              {Target{Source: netip.MustParseAddr("2001:db8::1"), URL: "http://[2001:DB8::1]:7547/"}, "", []string{HTTP, UDP}},
		"mapped IPv4":               {Target{Source: netip.MustParseAddr("::ffff:203.0.113.9"), URL: "http://203.0.113.9/"}, "", []string{HTTP, UDP}},
		"a name proves nothing":     {Target{Source: source, URL: "http://cpe.example.net/"}, "", []string{UDP, HTTP}},
		"a URL that makes no sense": {Target{Source: source, URL: "http://[::1"}, "", []string{UDP, HTTP}},
	} {
		var got []string
		for _, w := range order(ways, &c.target, c.worked) {
			got = append(got, w.Name())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
