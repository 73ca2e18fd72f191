package gateway

import (
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/policy"
)

var update = flag.Bool("update", false, "write the recorded conversations anew")

// goldenWorld is a moveWorld of which each message is recorded.
type goldenWorld struct {
	*moveWorld
	rec *recording
	own map[string]string // URLs of the ACSs by their names
}

// goldenHosts counts the worlds. Each has a loopback address of its own, on which no
// port is taken by what others dial from.
var goldenHosts atomic.Int32

// newGoldenWorld starts one. Only where probes is set does it look whether north is up:
// a slow machine must not change what is said.
func newGoldenWorld(t *testing.T, s moveSetup, probes bool) *goldenWorld {
	t.Helper()
	host := fmt.Sprintf("127.0.1.%d", 100+goldenHosts.Add(1)%150)
	g := &goldenWorld{
		moveWorld: &moveWorld{world: &world{
			t: t, file: filepath.Join(t.TempDir(), "acsgate.yaml"), listen: freeAddress(t, host),
		}},
		rec: &recording{t: t, names: map[string]string{}}, own: map[string]string{},
	}
	w := g.moveWorld
	w.north, w.south = w.acs("north", s.northDoes), w.acs("south", s.southDoes)
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(wakeToken), 0o600); err != nil {
		t.Fatal(err)
	}
	g.rec.port(w.listen, "10000")
	for name, a := range map[string]*simnet.ACS{"north": w.north, "south": w.south} {
		g.own[name] = g.rec.tap(name, a.Addr())
		g.rec.port(strings.Trim(g.own[name], "htp:/"), map[string]string{"north": "20000", "south": "30000"}[name])
	}
	stun := freeAddress(t, host)
	g.rec.port(stun, "13478")
	w.layout = func(extra string) string {
		acs := func(name, keys string) string {
			probe := "{type: off}"
			if probes && name == "north" {
				probe = "{type: http, interval: 600ms, timeout: 600ms, hold: 100ms}"
			}
			return fmt.Sprintf("  - {name: %s, url: %q, cpe_url: %q, probe: %s%s}\n", name, g.own[name], w.url(name), probe, keys)
		}
		return fmt.Sprintf("data_dir: %q\nlisten: [{name: cpe, address: %q}]\nstun: {listen: [%q]}\nacs:\n", filepath.Dir(w.file), w.listen, stun) +
			acs("north", s.north) + acs("south", s.south) +
			fmt.Sprintf("routes: [{name: default, acs: north}]\nadmin: {address: \"127.0.0.1:0\", tokens: [{name: noc, role: admin, token_file: %q}]}\n", token) +
			"drain: {timeout: 2s}\ncampaigns: {rate_per_second: 1000}\n" + s.rest + extra
	}
	w.world.start()
	w.api = admin.Client{Address: w.AdminAddr(), TokenFile: token}
	return g
}

// freeAddress is one of five digits that nobody listens on, by TCP or UDP.
func freeAddress(t *testing.T, host string) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", host+":0")
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		c, err := net.ListenPacket("udp4", address)
		l.Close()
		if err != nil {
			continue
		}
		c.Close()
		if _, port, _ := net.SplitHostPort(address); len(port) == 5 {
			return address
		}
	}
	t.Fatalf("no free port at %s", host)
	return ""
}

// recorded makes the bytes of a CPE part of the conversation, and the same in each
// run.
func (g *goldenWorld) recorded(c *simnet.CPEConfig) {
	c.Dial = g.rec.dial
	c.Now = func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }
}

// cpe is a CPE that has had a session at north, which is not part of the
// conversation.
func (g *goldenWorld) cpe(habit string, change ...func(*simnet.CPEConfig)) *simnet.CPE {
	g.t.Helper()
	c := g.known(habit, 1, append([]func(*simnet.CPEConfig){g.recorded}, change...)...)
	g.rec.forget()
	return c
}

// drained is a CPE that is due to get south's URL.
func (g *goldenWorld) drained(habit string, change ...func(*simnet.CPEConfig)) *simnet.CPE {
	g.t.Helper()
	c := g.cpe(habit, change...)
	g.begin(drainTo("rewrite"))
	g.member("d", c, "asked")
	return c
}

// breaks holds a session that fails.
func (g *goldenWorld) breaks(c *simnet.CPE, events ...string) {
	g.t.Helper()
	if _, err := c.Session(g.t.Context(), events...); err == nil {
		g.t.Error("the session does not fail")
	}
}

// has holds which URL a CPE has in the end.
func (g *goldenWorld) has(c *simnet.CPE, url string) {
	g.t.Helper()
	if c.URL() != url {
		g.t.Errorf("the CPE has %q, want %q", c.URL(), url)
	}
}

// login gives an ACS a cpe_login.
func login(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("south's"), 0o600); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(", cpe_login: {username: \"{oui}-{serial}\", password_file: %q}", file)
}

// goldenCase is one recorded conversation.
type goldenCase struct {
	about  string // begins the file
	setup  func(t *testing.T) moveSetup
	probes bool   // tell whether north is up
	apart  string // the ACS that nobody waits for
	hold   func(g *goldenWorld)
}

// TestGolden_Moves: each message of the sessions in which the gateway acts itself, on
// both sides of it, is what was recorded in testdata/moves.
func TestGolden_Moves(t *testing.T) {
	t.Parallel()
	cases := map[string]goldenCase{}
	for _, group := range []map[string]goldenCase{goldenURLMoves(), goldenGuards(), goldenBackups(), goldenSTUN()} {
		for name, c := range group {
			cases[name] = c
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var setup moveSetup
			if c.setup != nil {
				setup = c.setup(t)
			}
			g := newGoldenWorld(t, setup, c.probes)
			c.hold(g)
			got := "# " + strings.Join(strings.Fields(c.about), " ") + "\n" + g.rec.text(c.apart)
			file := filepath.Join("testdata", "moves", name+".txtar")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.SplitAfter(string(want), "\n"), strings.SplitAfter(got, "\n")); diff != "" {
				t.Errorf("the conversation is another (-recorded +now); -update records it anew:\n%s", diff)
			}
			for _, a := range []*simnet.ACS{g.north, g.south} {
				if p := a.Problems(); len(p) > 0 {
					t.Errorf("%s complains: %q", a.Name(), p)
				}
			}
		})
	}
	t.Cleanup(func() {
		if files, err := filepath.Glob("testdata/moves/*"); err != nil || len(files) != len(cases) {
			t.Errorf("%d files of %d conversations: %v", len(files), len(cases), err)
		}
	})
}

// waitsForArrival lets south answer an empty POST when the gateway knows that the
// device has come: that is noted beside the session.
func (g *goldenWorld) waitsForArrival() {
	g.south.SetMisbehave(func(x *simnet.Exchange) simnet.Misbehaviour {
		for end := time.Now().Add(15 * time.Second); x.Message.Kind == cwmp.Empty && time.Now().Before(end); time.Sleep(time.Millisecond) {
			if v, err := g.api.Campaign(g.t.Context(), "d"); err == nil && v.Counts["arrived"] == 1 {
				break
			}
		}
		return simnet.Misbehaviour{}
	})
}

func goldenURLMoves() map[string]goldenCase {
	southLogin := func(t *testing.T) moveSetup { return moveSetup{south: login(t)} }
	return map[string]goldenCase{
		"url-status-0": {
			about: "The gateway sets ManagementServer.URL behind north's last answer. The CPE takes it, and bootstraps at the new ACS.",
			hold: func(g *goldenWorld) {
				c := g.drained("")
				want(g.t, g.live(c), "north", "south")
				g.member("d", c, "arrived")
				g.has(c, g.url("south"))
			},
		},
		"url-status-0-with-login": {
			about: "User name, password and URL go in one SetParameterValues.", setup: southLogin,
			hold: func(g *goldenWorld) {
				c := g.drained("")
				want(g.t, g.live(c), "north", "south")
				g.member("d", c, "arrived")
				g.has(c, g.url("south"))
			},
		},
		"url-status-1": {
			about: "The CPE takes the URL with Status 1, and bootstraps at the new one when it has restarted.",
			hold: func(g *goldenWorld) {
				c := g.drained("reboot")
				want(g.t, g.live(c), "north")
				g.member("d", c, "set")
				c.PowerCycle()
				want(g.t, g.live(c), "south")
				g.member("d", c, "arrived")
				g.has(c, g.url("south"))
			},
		},
		"url-fault-9007": {
			about: "The CPE refuses the URL with 9003 and 9007 for the parameter. Nothing has changed, and north knows nothing.",
			hold: func(g *goldenWorld) {
				c := g.drained("invalid-value")
				want(g.t, g.live(c), "north")
				g.member("d", c, "failed")
				g.has(c, g.url("north"))
			},
		},
		"url-fault-not-atomic": {
			about: "The CPE refuses the URL, yet has set the login of the same SetParameterValues. The gateway reads that back, and stops: nobody knows the password that the CPE had.",
			setup: southLogin,
			hold: func(g *goldenWorld) {
				c := g.drained("not-atomic")
				want(g.t, g.live(c), "north")
				g.member("d", c, "failed")
				g.has(c, g.url("north"))
			},
		},
		"url-fault-no-username": {
			about: "The CPE's model has neither user name nor password, so that it refuses all three with 9003 and 9005. The gateway reads that nothing has changed.", setup: southLogin,
			hold: func(g *goldenWorld) {
				c := g.drained("no-username")
				want(g.t, g.live(c), "north")
				g.member("d", c, "failed")
				g.has(c, g.url("north"))
			},
		},
		"url-ignored": {
			about: "The CPE answers what the gateway asks with an empty POST, as if it was the end of the session.",
			hold: func(g *goldenWorld) {
				c := g.drained("ignores-injected")
				want(g.t, g.live(c), "north")
				g.member("d", c, "asked")
				g.has(c, g.url("north"))
			},
		},
		"url-connection-lost": {
			about: "The CPE drops the connection instead of answering, and has taken nothing. Nobody knows, so the next session is south's whatever the URL: there the gateway reads, and sets it again.",
			hold: func(g *goldenWorld) {
				c := g.drained("connection-lost")
				g.breaks(c, cwmp.EventPeriodic)
				want(g.t, g.mustMove(c), "north", "south", "south")
				g.member("d", c, "arrived")
				g.has(c, g.url("south"))
			},
		},
		"url-answer-lost": {
			about: "The CPE takes the URL and drops the connection instead of answering. Its BOOTSTRAP at the new ACS tells that it has come.",
			hold: func(g *goldenWorld) {
				c := g.drained("answer-lost")
				g.waitsForArrival()
				want(g.t, g.mustMove(c), "north", "south")
				g.member("d", c, "arrived")
				g.has(c, g.url("south"))
			},
		},
		"url-undone": {
			about: "The rollback of a drain sets the URL that the CPE had before, in a session with south. The CPE bootstraps at north.",
			hold: func(g *goldenWorld) {
				c := g.drained("")
				want(g.t, g.live(c), "north", "south")
				g.member("d", c, "arrived")
				g.rec.forget()
				g.act("d", "rollback")
				g.member("d", c, "undoing")
				want(g.t, g.live(c), "south", "north")
				g.member("d", c, "undone")
				g.has(c, g.url("north"))
			},
		},
		"mirror": {
			about: "South is shown what north accepts before the device moves: the Inform, and an empty POST. What south asks goes nowhere.",
			apart: "south",
			hold: func(g *goldenWorld) {
				c := g.cpe("")
				r := admin.CampaignRequest{Name: "m", From: []string{"north"}, To: "south", Mirror: true, Selector: admin.CampaignDevices{Devices: []string{c.Device().String()}}}
				if _, err := g.api.CreateCampaign(g.t.Context(), r); err != nil {
					g.t.Fatal(err)
				}
				want(g.t, g.live(c), "north")
				g.eventually("the Inform is shown", func() bool {
					return g.metric(`acsgate_mirrored_informs_total{acs="south",result="shown"} 1`)
				})
			},
		},
	}
}

func goldenGuards() map[string]goldenCase {
	const foreign = "http://elsewhere.example/acs"
	// sets lets north set a URL, and read it.
	guard := func(mode string, url func(g *moveWorld) string) func(*testing.T) moveSetup {
		return func(*testing.T) moveSetup {
			return moveSetup{north: ", url_guard: " + mode, northDoes: func(w *moveWorld) []simnet.RPC {
				return []simnet.RPC{simnet.SetValue(managementURL, url(w)), simnet.GetValues(managementURL)}
			}}
		}
	}
	elsewhere := func(*moveWorld) string { return foreign }
	// its own URL is where the tap is, which the configuration alone knows.
	own := func(w *moveWorld) string { return w.rules.Load().named("north").urls.ACSURL }
	once := func(g *goldenWorld) *simnet.CPE {
		g.t.Helper()
		c := g.device("", 1, g.recorded)
		if _, err := c.Session(g.t.Context(), cwmp.EventPeriodic); err != nil {
			g.t.Fatal(err)
		}
		return c
	}
	there := func(g *goldenWorld) { g.has(once(g), foreign) }
	here := func(g *goldenWorld) { g.has(once(g), g.url("north")) }
	return map[string]goldenCase{
		"guard-pass":              {about: "url_guard: pass. North sets another URL, and the CPE has it.", setup: guard("pass", elsewhere), hold: there},
		"guard-pin":               {about: "url_guard: pin. Whatever north sets, the CPE is given its cpe_url, and north reads its own.", setup: guard("pin", elsewhere), hold: here},
		"guard-translate":         {about: "url_guard: translate. North sets its own URL, the CPE is given the cpe_url, and north reads its own.", setup: guard("translate", own), hold: here},
		"guard-translate-foreign": {about: "url_guard: translate. A URL that is not north's own passes.", setup: guard("translate", elsewhere), hold: there},
		"guard-refuse":            {about: "url_guard: refuse. North gets a fault under the ID of its request, and the CPE does not hear of it.", setup: guard("refuse", elsewhere), hold: here},
		"file-urls": {
			about: "file_urls. The CPE downloads from where it can reach, and north never sees the other name.",
			setup: func(*testing.T) moveSetup {
				return moveSetup{north: ", file_urls: [{from: \"http://10.0.0.5:7567/\", to: \"https://files.isp.example/\"}]", northDoes: func(*moveWorld) []simnet.RPC {
					return []simnet.RPC{{Method: cwmp.MethodDownload, Args: []cwmp.Argument{
						{Name: "CommandKey", Value: "dl"}, {Name: "FileType", Value: "1 Firmware Upgrade Image"}, {Name: "URL", Value: "http://10.0.0.5:7567/fw/a.bin?v=1&t=2"},
						{Name: "Username"}, {Name: "Password"}, {Name: "FileSize", Value: "0"}, {Name: "TargetFileName"}, {Name: "DelaySeconds", Value: "0"},
						{Name: "SuccessURL", Value: "http://10.0.0.5:7567/ok"}, {Name: "FailureURL", Value: "http://other.example/failed"},
					}}}
				}}
			},
			hold: func(g *goldenWorld) { once(g) },
		},
	}
}

func goldenBackups() map[string]goldenCase {
	return map[string]goldenCase{
		"park": {
			probes: true,
			about:  "North is down, and its backup parks: the gateway answers a periodic Inform itself, and refuses a BOOTSTRAP for later, when north hears it.",
			setup:  func(*testing.T) moveSetup { return moveSetup{north: ", backup: south", south: ", as_backup: park"} },
			hold: func(g *goldenWorld) {
				c := g.cpe("")
				g.northIs(true)
				if _, err := c.Session(g.t.Context(), cwmp.EventPeriodic); err != nil {
					g.t.Error(err)
				}
				g.breaks(c, cwmp.EventBootstrap)
				g.northIs(false)
				want(g.t, g.live(c), "north")
			},
		},
		"read-only": {
			probes: true,
			about:  "North is down, and its backup only reads: what changes the CPE is refused with 9001, and the CPE does not hear of it.",
			setup: func(*testing.T) moveSetup {
				return moveSetup{north: ", backup: south", south: ", as_backup: read_only", southDoes: func(*moveWorld) []simnet.RPC {
					return []simnet.RPC{
						simnet.GetValues("{root}DeviceInfo.UpTime"), simnet.SetValue("{root}ManagementServer.PeriodicInformInterval", "4242"), simnet.Reboot("r"),
					}
				}}
			},
			hold: func(g *goldenWorld) {
				c := g.cpe("")
				g.northIs(true)
				want(g.t, g.live(c), "south")
			},
		},
	}
}

func goldenSTUN() map[string]goldenCase {
	on := func(*testing.T) moveSetup { return moveSetup{rest: "stun_provisioning: {enabled: true}\n"} }
	set := func(root string) func(*goldenWorld) {
		return func(g *goldenWorld) {
			g.t.Helper()
			c := g.device("", 1, g.recorded, func(c *simnet.CPEConfig) {
				c.Make = c.Make.WithRoot(root)
				whole, err := simnet.NewCPE(*c)
				if err != nil {
					g.t.Fatal(err)
				}
				c.Parameters = append(whole.Tree().Under(""), stunParameters(root)...)
			})
			c.SetConnectionRequestURL(natted)
			for range 2 { // once is enough
				want(g.t, g.live(c), "north")
			}
			if has(c, "STUNEnable") != "1" {
				g.t.Errorf("STUN is not on: %q", stunOf(c))
			}
		}
	}
	return map[string]goldenCase{
		"stun-tr098": {about: "A CPE behind a NAT gets STUN switched on, once. Data model TR-098.", setup: on, hold: set(policy.RootTR098)},
		"stun-tr181": {about: "A CPE behind a NAT gets STUN switched on, once. Data model TR-181.", setup: on, hold: set(policy.RootDevice)},
	}
}
