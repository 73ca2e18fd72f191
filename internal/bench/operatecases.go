package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/acsgate/acsgate/internal/admin"
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/device/devicetest"
)

// Campaigns of the fleet, and the OUI of those whose token is limited.
const (
	operateCampaign = "migration"
	operateFew      = "few"
	operateFewSize  = 20
	operateOUI      = "00D000"
)

// operators are those who ask.
type operators struct{ all, scoped, browser *operator }

func (o *operators) leave() {
	for _, each := range []*operator{o.all, o.scoped, o.browser} {
		if each != nil {
			each.leave()
		}
	}
}

// operateCase is something that an operator asks for.
type operateCase struct {
	name string
	as   *operator
	path string
	rows int    // of a list, anyNumber for any
	mark string // what the answer must have, "" for a list of the API
}

// one is the device that is searched for; it has a binding.
func (f operateFleet) one() cwmp.DeviceID { return devicetest.ID(f.size * 7 / 9 &^ 1) }

// cases returns all that is asked for. Where the middle is one must ask first.
func (o *operators) cases(ctx context.Context, f operateFleet) ([]operateCase, error) {
	middle, err := o.all.next(ctx, "devices?limit=1&silent_for=12h")
	if err != nil {
		return nil, err
	}
	return slices.Concat(o.deviceLists(f, middle), o.otherLists(f), o.pages(f)), nil
}

const operatePage = 100 // rows of a page where nothing else is asked for

func (o *operators) deviceLists(f operateFleet, middle string) []operateCase {
	serial := f.one().SerialNumber
	var cases []operateCase
	for _, c := range []struct {
		name, query string
		rows        int
	}{
		{"first page", "", operatePage},
		{"first page of 1000", "limit=1000", min(1000, f.size)},
		{"a page in the middle", "cursor=" + middle, operatePage},
		{"a serial number that is there once", "q=" + serial, 1},
		{"part of an address", "q=100.71.3", anyNumber},
		{"a text that is nowhere", "q=nowhere", 0},
		{"ACS and product class", "acs=" + gatewayACS + "&product_class=" + f.one().ProductClass, operatePage},
		{"symmetric NAT", "nat=symmetric", min(operatePage, f.having(operateSymmetric))},
		{"unstable NAT, which none has", "nat=unstable", 0},
		{"stale binding", "binding=stale", operatePage},
		{"no binding, a page in the middle", "binding=none&cursor=" + middle, operatePage},
		{"a campaign", "campaign=" + operateCampaign, operatePage},
		{"a campaign, a page in the middle", "campaign=" + operateCampaign + "&cursor=" + middle, operatePage},
		{fmt.Sprintf("a campaign of %d", operateFewSize), "campaign=" + operateFew, operateFewSize},
		{"a campaign that is not there", "campaign=none", 0},
		{"silent for a week", "silent_for=168h", min(operatePage, f.having(operateSilent))},
		{"last session failed", "failing=true", anyNumber},
	} {
		cases = append(cases, operateCase{"devices: " + c.name, o.all, admin.PathAPI + "devices?" + c.query, c.rows, ""})
	}
	return append(cases,
		operateCase{"devices: a token's OUI", o.scoped, admin.PathAPI + "devices", operatePage, ""},
		operateCase{"devices: a token's OUI, a text that is nowhere", o.scoped, admin.PathAPI + "devices?q=nowhere", 0, ""})
}

func (o *operators) otherLists(f operateFleet) []operateCase {
	bindings := func(name, query string, as *operator, rows int) operateCase {
		return operateCase{"bindings: " + name, as, admin.PathAPI + "bindings?" + query, rows, ""}
	}
	return []operateCase{
		bindings("first page", "", o.all, operatePage),
		bindings("a serial number that is there once", "q="+f.one().SerialNumber, o.all, 1),
		bindings("a text that is nowhere", "q=nowhere", o.all, 0),
		bindings("symmetric NAT", "nat=symmetric", o.all, min(operatePage, f.having(operateSymmetric))),
		bindings("stale", "state=stale", o.all, operatePage),
		bindings("a token's OUI", "", o.scoped, operatePage),
		bindings("a token's OUI, symmetric NAT", "nat=symmetric", o.scoped, anyNumber),
	}
}

func (o *operators) pages(f operateFleet) []operateCase {
	id, serial := f.one().String(), f.one().SerialNumber
	return []operateCase{
		{"ACSs", o.all, admin.PathAPI + "acs", anyNumber, gatewayACS},
		{"overview", o.all, admin.PathAPI + "overview", anyNumber, operateCampaign},
		{"campaigns", o.all, admin.PathAPI + "campaigns", anyNumber, operateCampaign},
		{"a device", o.all, admin.PathAPI + "devices/" + id, anyNumber, serial},
		{"its timeline", o.all, admin.PathAPI + "devices/" + id + "/timeline", anyNumber, `"session"`},
		{"console: /", o.browser, "/", anyNumber, operateCampaign},
		{"console: /devices", o.browser, "/devices", anyNumber, `rel="next"`},
		{"console: /devices?q=SERIAL", o.browser, "/devices?q=" + serial, anyNumber, "/devices/" + id},
		{"console: /devices?campaign=NAME", o.browser, "/devices?campaign=" + operateCampaign, anyNumber, `rel="next"`},
		{"console: /devices/ID", o.browser, "/devices/" + id, anyNumber, serial},
		{"console: /nat", o.browser, "/nat", anyNumber, `rel="next"`},
		{"console: /campaigns", o.browser, "/campaigns", anyNumber, operateCampaign},
	}
}

// apiList is a list of the API.
type apiList struct {
	Devices, Bindings []json.RawMessage
	Next              string
}

// next returns the cursor of a list's second page.
func (o *operator) next(ctx context.Context, path string) (string, error) {
	text, err := o.get(ctx, admin.PathAPI+path)
	if err != nil {
		return "", err
	}
	var list apiList
	if err := json.Unmarshal(text, &list); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if list.Next == "" {
		return "", fmt.Errorf("%s: there is one page alone", path)
	}
	return list.Next, nil
}

// check asks once, and looks at the answer. It returns how many rows it has, or
// anyNumber where it is no list.
func (c *operateCase) check(ctx context.Context) (rows int, err error) {
	text, err := c.as.get(ctx, c.path)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: %w", c.name, err)
	case !bytes.Contains(text, []byte(c.mark)):
		return 0, fmt.Errorf("%s: %s has no %q", c.name, c.path, c.mark)
	case c.mark != "":
		return anyNumber, nil
	}
	var list apiList
	if err := json.Unmarshal(text, &list); err != nil {
		return 0, fmt.Errorf("%s: %w", c.name, err)
	}
	rows = len(list.Devices) + len(list.Bindings)
	if c.rows != anyNumber && rows != c.rows {
		err = fmt.Errorf("%s: %s has %d rows, want %d", c.name, c.path, rows, c.rows)
	}
	return rows, err
}

// take asks so many times, one after the other, and returns what each took, in
// ascending order.
func (c *operateCase) take(ctx context.Context, runs int) ([]time.Duration, error) {
	took := make([]time.Duration, runs)
	for i := range took {
		start := time.Now()
		if _, err := c.as.get(ctx, c.path); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		took[i] = time.Since(start)
	}
	slices.Sort(took)
	return took, nil
}
