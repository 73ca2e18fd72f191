package simnet

import (
	"slices"
	"strings"
	"testing"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// TestRPCs: what the CPE answers to each method.
func TestRPCs(t *testing.T) {
	tests := []struct {
		script string
		want   []string // in the answer
	}{
		{"GetRPCMethods", []string{"<string>SetParameterValues</string>"}},
		{"GetParameterValues {root}DeviceInfo.SoftwareVersion {root}ManagementServer.Password", []string{"1.0.0", "ManagementServer.Password</Name><Value xsi:type=\"xsd:string\"/>"}},
		{"GetParameterValues {root}DeviceInfo.", []string{"DeviceInfo.SerialNumber</Name><Value xsi:type=\"xsd:string\">GEN000001<", "ParameterValueStruct[9]"}},
		{"GetParameterValues {root}Nothing.", []string{"<FaultCode>9005</FaultCode>", "<faultcode>Client</faultcode>"}},
		{"GetParameterNames {root} next", []string{"<Name>Device.DeviceInfo.</Name>", "ParameterInfoStruct[2]"}},
		{"GetParameterNames {root}DeviceInfo.", []string{"<Name>Device.DeviceInfo.ProvisioningCode</Name><Writable>1</Writable>"}},
		{"GetParameterNames {root}Nothing.", []string{"9005"}},
		{"SetParameterValues {root}DeviceInfo.ProvisioningCode=x", []string{"<Status>0</Status>"}},
		{"SetParameterValues {root}DeviceInfo.ProvisioningCode=y {root}DeviceInfo.UpTime=1 {root}No=1",
			[]string{"<FaultCode>9003</FaultCode>", "UpTime</ParameterName><FaultCode>9008</FaultCode>", "Device.No</ParameterName><FaultCode>9005</FaultCode>"}},
		{"SetParameterAttributes {root}DeviceInfo.ProvisioningCode", []string{"SetParameterAttributesResponse"}},
		{"SetParameterAttributes {root}No", []string{"9005"}},
		{"GetParameterAttributes {root}DeviceInfo.UpTime", []string{"<Name>Device.DeviceInfo.UpTime</Name><Notification>0</Notification>", "ParameterAttributeStruct[1]"}},
		{"GetParameterAttributes {root}No", []string{"9005"}},
		{"AddObject {root}DeviceInfo.", []string{"<InstanceNumber>101</InstanceNumber>"}},
		{"AddObject {root}No.", []string{"9005"}},
		{"DeleteObject {root}DeviceInfo.", []string{"9005"}},
		{"Reboot key", []string{"RebootResponse"}},
		{"FactoryReset", []string{"FactoryResetResponse"}},
		{"Download http://files.example/f", []string{"<Status>1</Status>"}},
		{"Upload http://files.example/f", []string{"UploadResponse"}},
		{"ScheduleInform 5", []string{"ScheduleInformResponse"}},
	}
	for _, tt := range tests {
		t.Run(tt.script, func(t *testing.T) {
			script, err := ParseScript(tt.script)
			if err != nil {
				t.Fatal(err)
			}
			a := startACS(t, ACSConfig{Script: Asking(script...)})
			mustSucceed(t, newTestCPE(t, a, generic(), nil))
			answer := a.Exchanges()[2]
			for _, want := range tt.want {
				if !strings.Contains(string(answer.Body), want) {
					t.Errorf("no %q in %s", want, answer.Body)
				}
			}
			if answer.Message.ID == "" || answer.ScanError != nil {
				t.Errorf("answer has ID %q, %v", answer.Message.ID, answer.ScanError)
			}
		})
	}
}

func TestUnknownRPC(t *testing.T) {
	a := startACS(t, ACSConfig{Script: Asking(RPC{Method: "X_00D09E_Dance"}, RPC{Raw: cwmp.Call(cwmp.DefaultDialect, "7", cwmp.MethodGetParameterValues)})})
	if r := mustSucceed(t, newTestCPE(t, a, generic(), nil)); !slices.Equal(r.Faults, []string{"9000", "9005"}) {
		t.Errorf("faults %q", r.Faults)
	}
}

// TestAddedObjects can be set, listed and deleted, once.
func TestAddedObjects(t *testing.T) {
	a := startACS(t, ACSConfig{Script: Asking(
		RPC{Method: cwmp.MethodAddObject, Names: []string{"{root}DeviceInfo."}},
		SetValue("{root}DeviceInfo.101.Enable", "1"),
		RPC{Method: cwmp.MethodDeleteObject, Names: []string{"{root}DeviceInfo.101."}},
		RPC{Method: cwmp.MethodDeleteObject, Names: []string{"{root}DeviceInfo.101."}},
	)})
	if r := mustSucceed(t, newTestCPE(t, a, generic(), nil)); !slices.Equal(r.Faults, []string{"9005"}) {
		t.Errorf("faults %q", r.Faults)
	}
}

// TestRebootAndReset tell their events in the next session.
func TestRebootAndReset(t *testing.T) {
	for script, want := range map[string]string{
		"Reboot now":       "1 BOOT, M Reboot",
		"FactoryReset":     "0 BOOTSTRAP, 1 BOOT",
		"ScheduleInform 1": "3 SCHEDULED, M ScheduleInform",
	} {
		rpcs, _ := ParseScript("SetParameterValues {root}DeviceInfo.ProvisioningCode=x;" + script)
		once := rpcs
		a := startACS(t, ACSConfig{Script: func(cwmp.DeviceID, []cwmp.Event) []RPC {
			defer func() { once = nil }()
			return once
		}})
		c := newTestCPE(t, a, generic(), nil)
		mustSucceed(t, c)
		mustSucceed(t, c)
		if got := eventList(a.Exchanges()[4].Message.Events); got != want {
			t.Errorf("%s: events %q, want %q", script, got, want)
		}
		if p, _ := c.Tree().Get("Device.DeviceInfo.ProvisioningCode"); (p.Value == "") != (script == "FactoryReset") {
			t.Errorf("%s: ProvisioningCode %q", script, p.Value)
		}
	}
}

func TestParseScriptRefuses(t *testing.T) {
	for _, text := range []string{
		"Dance", "GetParameterValues", "SetParameterValues", "SetParameterValues a", "SetParameterValues =b", "GetParameterNames a b",
		"AddObject", "Download", "ScheduleInform soon", "ScheduleInform", strings.Repeat("Reboot;", maxScript+1),
	} {
		if _, err := ParseScript(text); err == nil || !strings.HasPrefix(err.Error(), "script ") {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	script, err := ParseScript("# a comment\n Reboot ; GetRPCMethods # more\n\nGetParameterNames {root} next")
	if err != nil || len(script) != 3 || !script[2].Next {
		t.Errorf("%+v, %v", script, err)
	}
}

// FuzzParseScript: what is accepted makes envelopes that can be scanned.
func FuzzParseScript(f *testing.F) {
	f.Add("GetParameterValues {root}A. B;SetParameterValues x=y<&>")
	f.Add("Reboot \x00;Download http://a/?b=c;d=e")
	f.Add("ScheduleInform 5\nGetParameterNames . next")
	f.Fuzz(func(t *testing.T, text string) {
		script, err := ParseScript(text)
		if err != nil {
			return
		}
		for _, rpc := range script {
			body := rpc.envelope(cwmp.DefaultDialect, "7", "Device.")
			if m, err := cwmp.Scan(body, cwmp.Options{}); err != nil || m.Method != rpc.Method || m.ID != "7" {
				t.Errorf("%q: %v in %s", rpc.Method, err, body)
			}
			if m, err := parseMessage(body); err != nil || m.method != rpc.Method || !m.isRequest() {
				t.Errorf("%q is not read: %v", rpc.Method, err)
			}
		}
	})
}

// FuzzParseMessage: no reply of an ACS makes a CPE panic, and what it reads,
// Scan reads alike.
func FuzzParseMessage(f *testing.F) {
	f.Add(cwmp.InformResponse(cwmp.DefaultDialect, "1"))
	f.Add([]byte(`<a:Envelope><a:Header/><a:Body><c:Reboot/></a:Body></a:Envelope>`))
	f.Add([]byte("\xef\xbb\xbf<?xml version=\"1.0\" encoding=\"latin1\"?><Envelope><Body><x></y></Body></Envelope>\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseMessage(body)
		if err != nil {
			return
		}
		_, _, _ = m.faultCode(), m.prefix(), m.idText()
		if rules := (&Rules{QualifiedNames: true, IDUnderstood: true, MaxID: 9}); rules.checkMessage(m) == nil && len(m.idText()) > 9 {
			t.Error("a long ID passes")
		}
		c, err := NewCPE(CPEConfig{URL: "http://127.0.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		if m.isRequest() {
			kind, answer := c.answer(&m)
			if back, err := cwmp.Scan(answer, cwmp.Options{}); kind != "Fault" && (err != nil || back.Method != kind) {
				t.Errorf("answer to %q is %q: %v", m.method, answer, err)
			}
		}
	})
}
