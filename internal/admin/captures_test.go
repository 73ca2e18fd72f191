package admin

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

func TestCaptures_AreDownloaded(t *testing.T) {
	f, s := startFake(t, nil)
	t.Setenv(TokenVariable, operatorToken)
	c := Client{Address: s.Addr().String()}
	first, err := c.StartCapture(t.Context(), oddDevice, 2*time.Minute)
	if err != nil || first.ID != "c0" || first.Ends != "2m0s" || first.By != "noc" {
		t.Errorf("%+v %v", first, err)
	}
	made := api(t, s, operatorToken, "POST", "devices/"+tenantDevice.String()+"/captures", `{}`).wantStatus(t, 201).wantText(t, `"ends":"10m0s"`)
	if made.Header.Get("Location") != PathAPI+"captures/c1" {
		t.Errorf("Location %q", made.Header.Get("Location"))
	}
	got := api(t, s, operatorToken, "GET", "captures/c0/text", "").wantStatus(t, 200)
	if got.Header.Get("Content-Disposition") != `attachment; filename="capture-c0.txt"` || got.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%v", got.Header)
	}
	var har bytes.Buffer
	if err := c.DownloadCapture(t.Context(), "c0", "har", &har); err != nil || !strings.Contains(har.String(), `"format":"har"`) {
		t.Errorf("%q %v", har.String(), err)
	}
	if list, err := c.Captures(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("%+v %v", list, err)
	}
	if v, err := c.Capture(t.Context(), "c1"); err != nil || v.Device != tenantDevice.String() {
		t.Errorf("%+v %v", v, err)
	}
	if err := c.StopCapture(t.Context(), "c0"); err != nil {
		t.Error(err)
	}
	api(t, s, operatorToken, "GET", "captures/c1/har", "").wantStatus(t, 500).wantText(t, "its disk is gone")
	api(t, s, viewerToken, "GET", "captures/c0/har", "").wantStatus(t, 403)
	f.Captures.Start = func(cwmp.DeviceID, string, time.Duration) (CaptureView, error) { return CaptureView{}, ErrRefused }
	api(t, s, operatorToken, "POST", "devices/"+oddDevice.String()+"/captures", "").wantStatus(t, 409)
}

// TestCaptures_WhatBreaksOffIsNoWholeAnswer: who downloads notices.
func TestCaptures_WhatBreaksOffIsNoWholeAnswer(t *testing.T) {
	f, s := startFake(t, nil)
	api(t, s, operatorToken, "POST", "devices/"+oddDevice.String()+"/captures", "").wantStatus(t, 201)
	sizes := make(chan int, 1)
	f.Captures.Write = func(w io.Writer, _, _ string) error {
		_, _ = w.Write(make([]byte, <-sizes))
		return errors.New("its disk is gone")
	}
	for _, size := range []int{1, 1 << 20} {
		sizes <- size
		c := Client{Address: s.Addr().String(), TokenFile: writeToken(t, operatorToken)}
		if err := c.DownloadCapture(t.Context(), "c0", "text", io.Discard); err == nil {
			t.Errorf("%d bytes are taken for the whole", size)
		}
	}
	api(t, s, adminToken, "GET", "audit", "").wantText(t, "broken off: its disk is gone")
}

func TestFileName(t *testing.T) {
	if got := fileName("a\"\r\n../b-1"); got != "a______b_1" {
		t.Errorf("%q", got)
	}
}

// TestClient_Resources asks for everything that has a method.
func TestClient_Resources(t *testing.T) {
	_, s := startFake(t, nil)
	t.Setenv(TokenVariable, adminToken)
	c, ctx := Client{Address: "http://" + s.Addr().String() + "/"}, t.Context()
	check := func(name string, good bool, err error) {
		t.Helper()
		if err != nil || !good {
			t.Errorf("%s: %v", name, err)
		}
	}
	page, err := c.Devices(ctx, DeviceQuery{Limit: 2})
	check("devices", len(page.Devices) == 2 && page.Next == "2" && page.Total == 3, err)
	page, err = c.Devices(ctx, DeviceQuery{Limit: 2, Cursor: page.Next})
	check("next devices", len(page.Devices) == 1 && page.Next == "", err)
	timeline, err := c.Timeline(ctx, oddDevice, 3)
	check("timeline", len(timeline.Entries) == 1 && timeline.Entries[0].Text == "3", err)
	now, err := c.Assign(ctx, oddDevice, "south")
	check("assign", now.ACS == "south", err)
	now, err = c.Assign(ctx, oddDevice, "")
	check("unassign", now.ACS == "", err)
	sessions, err := c.Sessions(ctx, 1)
	check("sessions", len(sessions) == 1, err)
	bindings, err := c.Bindings(ctx, BindingQuery{NAT: "none"})
	check("bindings", len(bindings.Bindings) == 3 && bindings.Counts.Total == 3, err)
	acs, err := c.ACSs(ctx)
	check("acs", len(acs) == 2, err)
	check("return", true, c.Return(ctx, "north"))
	overview, err := c.Overview(ctx)
	check("overview", len(overview.ACS) == 2, err)
	series, err := c.Series(ctx, time.Minute)
	check("series", len(series.Lines) == 1 && series.Lines[0].Values[0] == nil, err)
	certificates, err := c.Certificates(ctx)
	check("certificates", len(certificates) == 1, err)
	v, err := c.Config(ctx)
	check("config", v.Effective == "a: b\n", err)
	_, err = c.Reload(ctx)
	check("reload", true, err)
	campaigns, err := c.Campaigns(ctx)
	check("campaigns", len(campaigns) == 1, err)
	acted, err := c.Act(ctx, "move", "start")
	check("act", acted.Status == "start", err)
	records, err := c.Audit(ctx, 2)
	check("audit", len(records) == 2 && strings.HasSuffix(records[0].Path, "/move/start"), err)
}

// TestCaptures_ATenantsLeaveRoom: the gateway runs few at a time.
func TestCaptures_ATenantsLeaveRoom(t *testing.T) {
	f, s := startFake(t, nil)
	path := "devices/" + tenantDevice.String() + "/captures"
	for range maxScopedCaptures {
		api(t, s, tenantToken, "POST", path, "").wantStatus(t, 201)
	}
	api(t, s, tenantToken, "POST", path, "").wantStatus(t, 409).wantText(t, "stop one first")
	api(t, s, operatorToken, "POST", path, "").wantStatus(t, 201)
	f.captures[0].Running = false
	api(t, s, tenantToken, "POST", path, "").wantStatus(t, 201)
}
