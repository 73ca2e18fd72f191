package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acsgate/acsgate/internal/commandline"
	"github.com/acsgate/acsgate/internal/config"
	"github.com/acsgate/acsgate/internal/gateway"
	"github.com/acsgate/acsgate/internal/simnet"
	"github.com/acsgate/acsgate/internal/tlsconf/tlstest"
)

// demo is a gateway with its embedded store, two scripted ACSs behind it and
// simulated CPEs of all makes in front, all on loopback.
type demo struct {
	dir          string
	lines        *linePrinter
	north, south *simnet.ACS
	gateway      *gateway.Gateway
	ca           *tlstest.CA
	fleets       []*simnet.Fleet
	home         *demoHome
}

// defineDemo shows a gateway at work until Ctrl-C, or for the given time.
func defineDemo(flags *flag.FlagSet) commandline.Run {
	limit := flags.Duration("for", 0, "end after this `time`, 0 for not until Ctrl-C")
	verbose := flags.Bool("v", false, "show the gateway's log as well")
	return func(ctx context.Context, _ []string, out, errs io.Writer) error {
		log := io.Discard
		if *verbose {
			log = errs
		}
		d, err := newDemo(out, log)
		if err != nil {
			return err
		}
		defer os.RemoveAll(d.dir)
		return d.run(ctx, *limit)
	}
}

func newDemo(out, log io.Writer) (*demo, error) {
	dir, err := os.MkdirTemp("", "acsgate-demo-")
	if err != nil {
		return nil, err
	}
	d := &demo{dir: dir, lines: &linePrinter{out: out}}
	if err := d.assemble(log); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return d, nil
}

func (d *demo) assemble(log io.Writer) (err error) {
	if d.north, d.south, err = demoACSs(); err != nil {
		return err
	}
	certFile, keyFile, err := d.certificate()
	if err != nil {
		return err
	}
	if d.home, err = newDemoHome(d.dir); err != nil {
		return err
	}
	text := demoConfig(d.dir, certFile, keyFile, d.north.URL(), d.south.URL()) + d.home.config(d.dir)
	cfg, err := config.Parse("demo.yaml", []byte(text))
	if err != nil {
		return err
	}
	d.gateway, err = gateway.New(cfg, gateway.Options{Version: version, LogTo: log, OnSession: d.lines.session})
	if err != nil {
		return err
	}
	return d.makeFleets()
}

// certificate makes the RSA certificate of the TLS listener.
func (d *demo) certificate() (certFile, keyFile string, err error) {
	if d.ca, err = tlstest.NewCA("acsgate demo"); err != nil {
		return "", "", err
	}
	leaf, err := d.ca.Issue(tlstest.Spec{Names: []string{"acs.demo.example"}, RSA: true})
	if err != nil {
		return "", "", err
	}
	return leaf.WriteFiles(d.dir, "demo")
}

// demoKeep is how many exchanges ACS north remembers, the first ones: the CPE behind
// the NAT has told its ConnectionRequestURL among them.
const demoKeep = 2000

// demoACSs are two ACSs of different strictness: north is like GenieACS, where a
// session belongs to its connection, and asks for digest; south is like FreeACS.
func demoACSs() (north, south *simnet.ACS, err error) {
	ask := simnet.Asking(simnet.GetValues("{root}DeviceInfo.SoftwareVersion", "{root}DeviceInfo.UpTime"))
	set := simnet.Asking(simnet.SetValue("{root}DeviceInfo.ProvisioningCode", "demo"))
	north, err = simnet.NewACS(simnet.ACSConfig{
		Name: "north", Mode: simnet.Strict, Script: ask, Keep: demoKeep,
		Auth: simnet.ACSAuth{Scheme: "digest", QOP: "auth", Algorithm: "MD5", BindNonce: true, Password: simnet.OneUser("cpe", "secret")},
	})
	if err != nil {
		return nil, nil, err
	}
	south, err = simnet.NewACS(simnet.ACSConfig{Name: "south", Mode: simnet.FreeACS, Script: set, Keep: -1})
	if err != nil {
		north.Close()
	}
	return north, south, err
}

// demoConfig is an ordinary configuration, as an operator would write it.
func demoConfig(dir, certFile, keyFile, north, south string) string {
	return fmt.Sprintf(`data_dir: %q
listen:
  - {name: plain, address: "127.0.0.1:0"}
  - {name: tls, address: "127.0.0.1:0", tls: {profile: legacy-cpe}}
tls:
  default_name: acs.demo.example
  certificates: [{cert_file: %q, key_file: %q}]
acs:
  - {name: north, url: %q, backup: south, probe: {type: http, interval: 500ms, timeout: 400ms, fall: 2, rise: 2, hold: 1s}}
  - {name: south, url: %q}
routes:
  - {name: sagemcom, match: {oui: ["149182"]}, acs: south}
  - {name: pilot, match: {product_class: ["BM*"], serial: ["000*"]}, acs: south}
  - {name: default, acs: north}
drain: {timeout: 5s}
`, dir, certFile, keyFile, north, south)
}

// demoInterval lies between two sessions of a CPE.
const demoInterval = 3 * time.Second

func (d *demo) makeFleets() error {
	plain, err := d.gateway.Addr("plain")
	if err != nil {
		return err
	}
	secure, err := d.gateway.Addr("tls")
	if err != nil {
		return err
	}
	old, _ := simnet.MakeNamed("easycwmp")
	old.TLS = simnet.TLSHabits{Min: tls.VersionTLS10, Max: tls.VersionTLS10, Ciphers: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}}
	modern, _ := simnet.MakeNamed("rdkb")
	for _, f := range []simnet.FleetConfig{
		{URL: "http://" + plain + "/", Makes: simnet.Makes(), N: len(simnet.Makes()), FirstSerial: 1},
		{URL: "https://" + secure + "/", Makes: []simnet.Make{old, modern}, N: 2, FirstSerial: 101,
			TLS: &tls.Config{RootCAs: d.ca.Pool(), ServerName: "acs.demo.example"}},
	} {
		f.Sessions, f.For, f.Interval, f.Rate = -1, demoForever, demoInterval, 6
		f.Username, f.Password = "cpe", "secret"
		f.Retries, f.RetryWait = 3, time.Second
		f.Done = d.lines.outcome
		fleet, err := simnet.NewFleet(f)
		if err != nil {
			return err
		}
		d.fleets = append(d.fleets, fleet)
	}
	return d.makeHome(plain)
}

// demoForever bounds a demo that nobody ends.
const demoForever = 24 * time.Hour

func (d *demo) run(ctx context.Context, limit time.Duration) error {
	serving, stopServing := context.WithCancel(context.Background())
	defer stopServing()
	var servers sync.WaitGroup
	var failure atomic.Pointer[error]
	for _, run := range []func(context.Context) error{d.north.Run, d.south.Run, d.gateway.Run} {
		servers.Go(func() {
			if err := run(serving); err != nil {
				failure.Store(&err)
			}
		})
	}
	d.introduce(limit)
	calling, stopCalling := context.WithCancel(ctx)
	defer stopCalling()
	if limit > 0 {
		time.AfterFunc(limit, stopCalling)
	}
	var stage sync.WaitGroup
	stage.Go(func() { d.stageOutage(calling, limit) })
	stage.Go(func() { d.stageCalls(calling) })
	stage.Go(func() {
		if err := d.home.Run(calling); err != nil {
			failure.Store(&err)
		}
	})
	sum := d.call(calling)
	stage.Wait()
	stopServing()
	servers.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return d.conclude(sum)
}

// call lets the CPEs hold sessions until ctx ends.
func (d *demo) call(ctx context.Context) simnet.Summary {
	sums := make([]simnet.Summary, len(d.fleets))
	var fleets sync.WaitGroup
	for i, f := range d.fleets {
		fleets.Go(func() { sums[i] = f.Run(ctx) })
	}
	fleets.Wait()
	total := sums[0]
	for _, s := range sums[1:] {
		total.Sessions += s.Sessions
		total.Succeeded += s.Succeeded
		total.Failed += s.Failed
		total.Retried += s.Retried
		total.Devices += s.Devices
	}
	return total
}

// stageOutage takes north down for a while, to show the failover.
func (d *demo) stageOutage(ctx context.Context, limit time.Duration) {
	down, up := 10*time.Second, 8*time.Second
	if limit > 0 {
		down, up = limit*2/5, limit*3/10
	}
	if !waitFor(ctx, down) {
		return
	}
	d.lines.print("--- ACS north goes down: its sessions go to its backup, south")
	d.north.SetDown(true)
	defer d.north.SetDown(false)
	if waitFor(ctx, up) {
		d.lines.print("--- ACS north is up again: its sessions come home")
	}
}

func waitFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (d *demo) introduce(limit time.Duration) {
	plain, _ := d.gateway.Addr("plain")
	secure, _ := d.gateway.Addr("tls")
	d.lines.print("gateway   http://%s  https://%s  (metrics: http://%s/metrics)", plain, secure, d.gateway.AdminAddr())
	d.lines.print("console   http://%s/  token %s", d.gateway.AdminAddr(), d.home.token)
	d.lines.print("ACS north %s  strict: a session belongs to its TCP connection; digest authentication", d.north.URL())
	d.lines.print("ACS south %s  knows a session by its cookie alone", d.south.URL())
	d.lines.print("CPEs      %d of %d makes, plain and over TLS 1.0 and 1.3", len(simnet.Makes())+2, len(simnet.Makes()))
	d.introduceHome()
	if limit == 0 {
		d.lines.print("Ctrl-C ends the demo.")
	}
	d.lines.print("")
}

func (d *demo) conclude(sum simnet.Summary) error {
	d.lines.print("")
	d.lines.print("%d of %d sessions succeeded, %d of them at another attempt after a failure", sum.Succeeded, sum.Sessions, sum.Retried)
	if sum.Failed > 0 || sum.Succeeded == 0 {
		return fmt.Errorf("%d of %d sessions failed", sum.Failed, sum.Sessions)
	}
	return nil
}
