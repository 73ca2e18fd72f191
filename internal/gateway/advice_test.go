package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/policy"
	"github.com/acsgate/acsgate/proxy"
)

// adviceNow is when advice is given.
var adviceNow = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return adviceNow.Add(-d) }

// reachable are the facts of a device that nothing ails.
func reachable() facts {
	return facts{
		record: device.Record{
			CurrentACS: "north", Rule: "default", LastInform: ago(time.Minute), Sessions: 10,
			ConnectionRequestURL: "http://198.51.100.7:7547/cr", Source: netip.MustParseAddrPort("198.51.100.7:40000"),
		},
		route: proxy.Route{ACS: "north", Home: "north", Rule: "default", Reason: `rule "default"`}, home: policy.Status{ACS: "north", State: policy.Up},
		stunServer: true, login: true, learning: true,
		binding: &binding.Binding{
			Remote: netip.MustParseAddrPort("198.51.100.7:50000"), Evidence: binding.Reported, LastSeen: ago(10 * time.Second), KeepAlive: 30 * time.Second,
		},
	}
}

const (
	fine     = "It can be woken by UDP and by HTTP."
	cannot   = "It cannot be woken, and is reached in its own sessions alone. UDP is out: no STUN packet of the device was seen. HTTP is out: ConnectionRequestURL is not known."
	noPacket = "no STUN packet of the device was seen"
)

// unbound makes a CPE one behind a NAT that sends no STUN.
func unbound(f *facts) {
	f.binding, f.notByUDP = nil, noPacket
	f.record.ConnectionRequestURL = "http://192.168.1.2:7547/cr"
	f.notByHTTP = "192.168.1.2 is private"
}

const (
	unboundWake = "It cannot be woken, and is reached in its own sessions alone. UDP is out: no STUN packet of the device was seen. HTTP is out: 192.168.1.2 is private."
	behindNAT   = "It is behind a NAT: its own address is 192.168.1.2, and it comes from 198.51.100.7."
)

func TestAdvise(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*facts)
		want   []string
	}{
		{"nothing ails it", func(*facts) {}, []string{fine}},

		{"was never seen", func(f *facts) { f.record.LastInform = time.Time{} },
			[]string{"No ACS has accepted an Inform of it yet: look whether the CPE is on, and whether its ManagementServer.URL leads to this gateway.", fine}},
		{"comes once a day", func(f *facts) { f.record.LastInform = ago(24 * time.Hour) }, []string{fine}},
		{"is silent", func(f *facts) { f.record.LastInform = ago(75 * time.Hour) },
			[]string{"No Inform for 3 days. The CPE may be off, without Internet, or its ManagementServer.URL may lead elsewhere.", fine}},
		{"was moved and has not come", func(f *facts) { f.record.LastInform, f.setURL = ago(5*time.Hour), "south" },
			[]string{"Its ManagementServer.URL was set to that of south, where it was not seen yet. Its last Inform came 5 h ago.", fine}},

		{"ACS down, to its backup", func(f *facts) {
			f.home = policy.Status{ACS: "north", State: policy.Down, Reason: "connection refused"}
			f.route.ACS = "south"
		}, []string{"ACS north is down: connection refused. Its sessions go to south meanwhile.", fine}},
		{"ACS down, no backup", func(f *facts) {
			f.home = policy.Status{ACS: "north", State: policy.Down, Reason: "connection refused"}
		}, []string{"ACS north is down: connection refused. No other ACS can take its sessions, so they fail: restore north, or give it a backup.", fine}},
		{"ACS down, parked", func(f *facts) {
			f.home, f.route.Park = policy.Status{ACS: "north", State: policy.Down, Reason: "connection refused"}, true
			f.route.ACS = "south"
		}, []string{"ACS north is down: connection refused. Its sessions are parked by the gateway until north is up.", fine}},
		{"ACS up again, sessions still away", func(f *facts) { f.route.ACS, f.route.Reason = "south", `rule "default"; north is up for 5 s of 1m` },
			[]string{`Its sessions go to south, not to north: rule "default"; north is up for 5 s of 1m.`, fine}},
		{"bound in vain", func(f *facts) { f.record.HomeACS = "south" },
			[]string{`It is bound to south, but rule "default" does not go by that: add assigned: true to the rule.`, fine}},
		{"bound", func(f *facts) { f.record.HomeACS, f.byBinding = "north", true }, []string{fine}},

		{"the last session failed", func(f *facts) { f.record.Failed, f.lastFailure = 1, "timeout after 2 exchanges in 30s with north" },
			[]string{"Its last session has failed: timeout after 2 exchanges in 30s with north.", fine}},
		{"most sessions fail", func(f *facts) { f.record.Failed, f.lastFailure = 6, "timeout after 2 exchanges in 30s with north" },
			[]string{"6 sessions have failed, and 10 had their Inform accepted. The last failure: timeout after 2 exchanges in 30s with north.", fine}},
		{"most failed, the last one not", func(f *facts) { f.record.Failed = 6 },
			[]string{"6 sessions have failed, and 10 had their Inform accepted: see the outcomes in the timeline.", fine}},
		{"half of them failed", func(f *facts) { f.record.Failed = 5 }, []string{fine}},

		{"UDP alone", func(f *facts) { f.notByHTTP = "ConnectionRequestURL is not known" },
			[]string{"It can be woken by UDP. HTTP is out: ConnectionRequestURL is not known."}},
		{"UDP alone, HTTP switched off", func(f *facts) { f.notByHTTP = "is off: connection_request.http.disabled" },
			[]string{"It can be woken by UDP. HTTP is out: connection_request.http.disabled switches it off."}},
		{"HTTP alone, before no NAT", func(f *facts) { f.binding, f.notByUDP = nil, noPacket },
			[]string{"It can be woken by HTTP alone. UDP is out: no STUN packet of the device was seen."}},
		{"neither, and no address of its own", func(f *facts) {
			f.binding, f.notByUDP, f.notByHTTP, f.record.ConnectionRequestURL = nil, noPacket, "ConnectionRequestURL is not known", ""
		}, []string{cannot}},
		{"no login, learning", func(f *facts) { f.login, f.notByUDP = false, "its login is not known" }, []string{
			"It can be woken by HTTP alone. UDP is out: its login is not known.",
			"Its Connection Request login is not known. It is learned when an ACS sets ConnectionRequestUsername and ConnectionRequestPassword, or is taken from credentials.logins.",
		}},
		{"no login, not learning", func(f *facts) { f.login, f.learning, f.notByUDP = false, false, "its login is not known" }, []string{
			"It can be woken by HTTP alone. UDP is out: its login is not known.",
			"Its Connection Request login is not known: switch credentials.learn on, or give it in credentials.logins.",
		}},

		{"behind a NAT without STUN", unbound, []string{unboundWake, behindNAT + " It sends no STUN: switch STUN on in the CPE, or by stun_provisioning."}},
		{"behind a NAT, no STUN server", func(f *facts) { unbound(f); f.stunServer = false },
			[]string{unboundWake, behindNAT + " This gateway has no STUN server, which such a CPE needs to be woken: add stun.listen."}},
		{"behind a NAT, STUN is pending", func(f *facts) { unbound(f); f.stunPending = "the CPE is given STUN: it is behind a NAT" },
			[]string{unboundWake, behindNAT + " STUN is switched on in its next session: the CPE is given STUN: it is behind a NAT."}},
		{"behind a NAT by a name in its URL", func(f *facts) { unbound(f); f.record.ConnectionRequestURL = "http://cpe.example/cr" }, []string{unboundWake}},
		{"named only", func(f *facts) { f.binding.Evidence, f.notByUDP = binding.Named, "binding is not corroborated" }, []string{
			"It can be woken by HTTP alone. UDP is out: binding is not corroborated.",
			"STUN packets in its name come from 198.51.100.7:50000, but nobody can tell whether they are its own: have its ACS set a STUNUsername and STUNPassword of its own, or have it report UDPConnectionRequestAddress.",
		}},
		{"stale, and off", func(f *facts) {
			f.bindingStale, f.binding.LastSeen, f.record.LastInform = true, ago(3*time.Hour), ago(4*time.Hour)
		},
			[]string{fine, "Its STUN binding is stale: the last packet came 3 h ago, and one is due every 30 s. It may be off or without Internet."}},
		{"stale, of no known period", func(f *facts) {
			f.bindingStale, f.binding.LastSeen, f.binding.KeepAlive, f.record.LastInform = true, ago(3*time.Hour), 0, ago(4*time.Hour)
		}, []string{fine, "Its STUN binding is stale: the last packet came 3 h ago. It may be off or without Internet."}},
		{"stale, and has sessions", func(f *facts) { f.bindingStale, f.binding.LastSeen = true, ago(3*time.Hour) },
			[]string{fine, "Its STUN binding is stale: the last packet came 3 h ago, and one is due every 30 s. It has had a session since, so that its STUN client has stopped: look at its STUNEnable, or reboot it."}},
		{"an unstable NAT", func(f *facts) { f.binding.Kind = binding.KindUnstable },
			[]string{fine, "Its NAT gives another port at nearly every keep-alive: datagrams reach it for moments only."}},
		{"a NAT that forgets", func(f *facts) { f.binding.KeepAlive, f.binding.Lost = 3*time.Minute, 110*time.Second },
			[]string{fine, "Its NAT forgets the mapping after about 110 s, but keep-alives come every 3 min: lower STUNMaximumKeepAlivePeriod."}},
		{"a NAT that forgets later", func(f *facts) { f.binding.Lost = 110 * time.Second }, []string{fine}},
	} {
		f := reachable()
		test.change(&f)
		if got := advise(&f, adviceNow); !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

func TestAdvise_LastRequest(t *testing.T) {
	udp := connreq.Attempt{Transport: connreq.UDP, To: "198.51.100.7:50000", Sent: 3, Reason: "no session within 8s"}
	http := func(reason string) connreq.Attempt {
		return connreq.Attempt{Transport: connreq.HTTP, To: "http://198.51.100.7:7547/cr", Sent: 1, Reason: reason}
	}
	const (
		inVain = "The last Connection Request, 5 min ago, was in vain: "
		byUDP  = "UDP to 198.51.100.7:50000, sent 3 times: no session within 8s"
		form   = "Datagrams leave for its binding, and it does not come. Its firewall may drop them, its login may be another one, " +
			"or its model may want another form: see request_milliseconds and request_slash of quirks."
	)
	for _, test := range []struct {
		name  string
		last  connreq.Result
		stale bool
		want  []string
	}{
		{"came", connreq.Result{OK: true, Transport: connreq.UDP, Took: 41 * time.Millisecond}, false,
			[]string{"The last Connection Request, 5 min ago, brought it by UDP within 41ms."}},
		{"came by itself", connreq.Result{OK: true}, false,
			[]string{"The last Connection Request was made 5 min ago. A session began before it had reached the CPE."}},
		{"nothing could be tried", connreq.Result{}, false, []string{"The last Connection Request, 5 min ago, was in vain."}},
		{"datagrams", connreq.Result{Attempts: []connreq.Attempt{udp}}, false, []string{inVain + byUDP + ".", form}},
		{"datagrams to a stale binding", connreq.Result{Attempts: []connreq.Attempt{udp}}, true, []string{inVain + byUDP + "."}},
		{"another login", connreq.Result{Attempts: []connreq.Attempt{http("CPE refuses the login: it is wrong")}}, false, []string{
			inVain + "HTTP to http://198.51.100.7:7547/cr: CPE refuses the login: it is wrong.",
			"The CPE has another Connection Request login than the gateway: have its ACS set ConnectionRequestUsername and ConnectionRequestPassword again.",
		}},
		{"nobody there, and datagrams", connreq.Result{Attempts: []connreq.Attempt{http("cannot connect to 198.51.100.7:7547: timeout"), udp}}, false, []string{
			inVain + "HTTP to http://198.51.100.7:7547/cr: cannot connect to 198.51.100.7:7547: timeout; " + byUDP + ".",
			"Nothing answers at its ConnectionRequestURL: a firewall or a NAT lies before it, or it has another address now.", form,
		}},
		{"off", connreq.Result{Attempts: []connreq.Attempt{{Transport: connreq.UDP, Reason: "is off: connection_request.udp.disabled"}}}, false,
			[]string{inVain + "UDP: connection_request.udp.disabled switches it off."}},
	} {
		f := reachable()
		f.last, f.bindingStale = &test.last, test.stale
		f.last.At = ago(5 * time.Minute)
		got := slices.DeleteFunc(advise(&f, adviceNow), func(s string) bool { return s == fine || strings.HasPrefix(s, "Its STUN binding is stale") })
		if !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// TestAdvise_MostTellingFirst: who is silent because its ACS is away reads that
// before it reads of ports, and every sentence is one.
func TestAdvise_MostTellingFirst(t *testing.T) {
	f := reachable()
	unbound(&f)
	f.record.LastInform, f.record.Failed, f.login = ago(100*time.Hour), 9, false
	f.home = policy.Status{ACS: "north", State: policy.Down, Reason: "connection refused"}
	f.last = &connreq.Result{At: ago(time.Hour), Attempts: []connreq.Attempt{{Transport: connreq.UDP, Reason: noPacket}}}
	got := advise(&f, adviceNow)
	for i, begins := range []string{"No Inform", "ACS north is down", "9 sessions have failed", "It cannot be woken", "Its Connection Request login", "It is behind a NAT", "The last Connection Request"} {
		if i >= len(got) || !strings.HasPrefix(got[i], begins) {
			t.Errorf("sentence %d of %q does not begin with %q", i, got, begins)
		}
	}
	sentence := regexp.MustCompile(`^[A-Z0-9].*[^.]\.$`)
	for _, s := range got {
		if !sentence.MatchString(s) || strings.Contains(s, "%!") || strings.Contains(s, "  ") {
			t.Errorf("%q is no sentence", s)
		}
	}
}

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 119 * time.Second: "119 s", 2 * time.Minute: "2 min", 119 * time.Minute: "119 min", 2 * time.Hour: "2 h",
		47 * time.Hour: "47 h", 48 * time.Hour: "2 days", 1000 * time.Hour: "41 days",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// TestAdvice_OfAWholeGateway: what CPEs and ACSs really do leads to the sentences.
func TestAdvice_OfAWholeGateway(t *testing.T) {
	t.Parallel()
	w := newOperated(t, operatedSetup{reach: ", http: {allow_networks: [127.0.0.0/8]}", rest: "stun_provisioning: {enabled: false}\n"})
	advice := func(id cwmp.DeviceID) string { return strings.Join(w.timelineView(id, 100).Advice, "\n") }
	says := func(id cwmp.DeviceID, parts ...string) {
		t.Helper()
		for _, part := range parts {
			w.eventually(fmt.Sprintf("the advice on %s says %q", id, part), func() bool { return strings.Contains(advice(id), part) })
		}
	}
	// A CPE that has changed its login by itself.
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := simnet.NewRequestServer(simnet.RequestServerConfig{
		Listener: l, Form: simnet.RequestForms()[0], Path: "/cr", Username: requestUser, Password: "another",
		Requested: func(simnet.ConnectionRequest) { t.Error("the CPE takes a wrong login") },
	})
	if err != nil {
		t.Fatal(err)
	}
	(&natWorld{world: w.world}).runs(server.Run)
	denied := w.device("", 1)
	denied.SetConnectionRequestURL(server.URL())
	want(t, w.live(denied), "north")
	says(denied.Device(), "It can be woken by HTTP alone. UDP is out: "+noPacket)
	if got, err := w.api.Wake(t.Context(), denied.Device()); err != nil || got.OK {
		t.Fatalf("%+v, %v", got, err)
	}
	says(denied.Device(), "was in vain", "The CPE has another Connection Request login than the gateway")

	closed := w.device("", 2)
	closed.SetConnectionRequestURL(fmt.Sprintf("http://127.0.0.1:%d/cr", freePort(t, "tcp")))
	want(t, w.live(closed), "north")
	if got, err := w.api.Wake(t.Context(), closed.Device()); err != nil || got.OK {
		t.Fatalf("%+v, %v", got, err)
	}
	says(closed.Device(), "Nothing answers at its ConnectionRequestURL")

	inside := w.device("", 3)
	inside.SetConnectionRequestURL(natted)
	want(t, w.live(inside), "north")
	says(inside.Device(), "It cannot be woken", "It is behind a NAT: its own address is 192.168.1.2, and it comes from 127.0.0.1. It sends no STUN")

	lost := w.known("unreachable", 4)
	w.begin(drainTo("rewrite"))
	w.member("d", lost, "asked")
	if _, err := w.tryLive(lost); err == nil {
		t.Error("the CPE comes to its new URL")
	}
	says(lost.Device(), "Its ManagementServer.URL was set to that of south, where it was not seen yet.")
	w.act("d", "cancel")

	w.north.SetDown(true)
	says(inside.Device(), "ACS north is down", "No other ACS can take its sessions")
	if _, err := inside.Session(t.Context(), cwmp.EventPeriodic); err == nil {
		t.Error("a session without an ACS")
	}
	w.north.SetDown(false)
	w.eventually("north is up", func() bool { return !strings.Contains(advice(inside.Device()), "ACS north is down") })
}

func TestRequestText(t *testing.T) {
	tried := []connreq.Attempt{
		{Transport: connreq.UDP, Reason: noPacket}, {Transport: connreq.HTTP, To: "http://198.51.100.7/cr", Sent: 1, Reason: "CPE answers 500"},
	}
	for want, r := range map[string]connreq.Result{
		"asked for by api: the CPE came by UDP after 12ms":                                                               {OK: true, Transport: connreq.UDP, Took: 12 * time.Millisecond},
		"asked for by api: the CPE came before it was asked":                                                             {OK: true},
		"asked for by api: the CPE did not come: no transport could be tried":                                            {},
		"asked for by api: the CPE did not come: UDP: " + noPacket + "; HTTP to http://198.51.100.7/cr: CPE answers 500": {Attempts: tried},
	} {
		r.Origin = "api"
		if got := requestText(&r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
