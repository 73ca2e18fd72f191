package simnet

import "github.com/acsgate/acsgate/internal/cwmp"

// Makes returns the known makes. Those with a capture reproduce its bytes; the
// others are put together from the quirk table. All of them complete a session
// with an ACS that keeps to the standard.
func Makes() []Make {
	return []Make{
		generic(), easycwmp(), netcwmp(), tr069agent(), genieacsSim(), icwmp(), icwmpGzip(), rdkb(),
		fritzBox(), sagemcom(), evcpe(), avs(), cwmpSim(), legacy(),
	}
}

// generic keeps to TR-069 in everything.
func generic() Make {
	style := compactStyle()
	style.Namespace = "urn:dslforum-org:cwmp-1-2"
	return Make{
		Name: "generic", Summary: "keeps to the standard",
		Device: cwmp.DeviceID{Manufacturer: "Example", OUI: "00D09E", ProductClass: "HG100", SerialNumber: "GEN"},
		Root:   "Device.", Inform: informParams("Device.", "hw1", "1.0.0"),
		Style: style,
		Header: []HeaderLine{
			{"Host: {host}", Always},
			{"User-Agent: generic-cpe", Always},
			{`Content-Type: text/xml; charset="utf-8"`, WithBody},
			{`SOAPAction: ""`, WithBody},
			{"Authorization: {authorization}", Always},
			{"Cookie: {cookie}", Always},
			{"Content-Length: {length}", Always},
		},
	}
}

// informParams are the parameters that every Inform must hold, TR-181 and
// TR-098 "forced Inform".
func informParams(root, hardware, software string) []Parameter {
	return []Parameter{
		{Name: root + "DeviceInfo.SpecVersion", Value: "1.0"},
		{Name: root + "DeviceInfo.HardwareVersion", Value: hardware},
		{Name: root + "DeviceInfo.SoftwareVersion", Value: software},
		{Name: root + "DeviceInfo.ProvisioningCode", Writable: true},
		{Name: root + "ManagementServer.ParameterKey"},
		{Name: root + "ManagementServer.ConnectionRequestURL", Value: "http://127.0.0.1:7547/cr"},
	}
}

// moreParams are what a tree holds beyond the parameters of the Inform.
func moreParams(root string, id cwmp.DeviceID) []Parameter {
	return []Parameter{
		{Name: root + "DeviceInfo.Manufacturer", Value: id.Manufacturer},
		{Name: root + "DeviceInfo.ManufacturerOUI", Value: id.OUI},
		{Name: root + "DeviceInfo.ProductClass", Value: id.ProductClass},
		{Name: root + "DeviceInfo.SerialNumber", Value: id.SerialNumber},
		{Name: root + "DeviceInfo.UpTime", Value: "213138", Type: "unsignedInt"},
		{Name: root + "ManagementServer.URL", Writable: true},
		{Name: root + "ManagementServer.Username", Writable: true},
		{Name: root + "ManagementServer.Password", Writable: true},
		{Name: root + "ManagementServer.PeriodicInformEnable", Value: "1", Type: "boolean", Writable: true},
		{Name: root + "ManagementServer.PeriodicInformInterval", Value: "300", Type: "unsignedInt", Writable: true},
		{Name: root + "ManagementServer.ConnectionRequestUsername", Writable: true},
		{Name: root + "ManagementServer.ConnectionRequestPassword", Writable: true},
	}
}
