package simnet

import "github.com/acsgate/acsgate/internal/cwmp"

func easycwmp() Make {
	root := "InternetGatewayDevice."
	return Make{
		Name: "easycwmp", Summary: "easycwmp (C, libcurl)",
		Device: cwmp.DeviceID{Manufacturer: "EasyCo", OUI: "FFFFFF", ProductClass: "easycwmp", SerialNumber: "EASY"},
		Root:   root,
		Inform: []Parameter{
			{Name: root + "DeviceInfo.HardwareVersion", Value: "hw1"},
			{Name: root + "DeviceInfo.SoftwareVersion", Value: "easy-1.8.6"},
			{Name: root + "DeviceInfo.ProvisioningCode", Writable: true},
			{Name: root + "ManagementServer.ParameterKey"},
			{Name: root + "ManagementServer.ConnectionRequestURL", Value: "http://127.0.0.1:7900/"},
		},
		Style: Style{
			Declaration: `<?xml version="1.0" encoding="UTF-8" standalone="no"?>` + "\n",
			Prefix:      "soap_env", EncPrefix: "soap_enc", CWMPPrefix: "cwmp", Namespace: "urn:dslforum-org:cwmp-1-2",
			Declarations: "\n" + `xmlns:{env}="http://schemas.xmlsoap.org/soap/envelope/"` + "\n" +
				`xmlns:{enc}="http://schemas.xmlsoap.org/soap/encoding/"` + "\n" +
				`xmlns:xsd="http://www.w3.org/2001/XMLSchema"` + "\n" +
				`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` + "\n" + `xmlns:{cwmp}="{ns}"`,
			Newline: "\n", Indent: " ", Base: 1, FinalNewline: true, CountFormat: "%d", EmptyKey: " />",
			TimeLayout: "2006-01-02T15:04:05+00:00", True: "1", False: "0",
		},
		Header: []HeaderLine{
			{"Host: {host}", Always},
			{"Authorization: {authorization}", Always},
			{"Cookie: {cookie}", Always},
			{"User-Agent: easycwmp", Always},
			{`Content-Type: text/xml; charset="utf-8"`, Always},
			{"SOAPAction:", WithBody},
			{"Content-Length: {length}", Always},
		},
		Rules: Rules{Statuses: []int{200, 204, 302, 307, 401}, PrefixedOnly: true},
	}
}

func netcwmp() Make {
	root := "InternetGatewayDevice."
	return Make{
		Name: "netcwmp", Summary: "netcwmp (C); no chunked replies, one cookie, RFC 2069 digest",
		Device: cwmp.DeviceID{Manufacturer: "NetCo", OUI: "A00001", ProductClass: "OT2800", SerialNumber: "NET"},
		Root:   root,
		Inform: netcwmpParams(root),
		Style: Style{
			Prefix: "SOAP-ENV", EncPrefix: "SOAP-ENC", CWMPPrefix: "cwmp", Namespace: "urn:dslforum-org:cwmp-1-0",
			Declarations: ` xmlns:{env}="http://schemas.xmlsoap.org/soap/envelope/" xmlns:{enc}="http://schemas.xmlsoap.org/soap/encoding/"` +
				` xmlns:xsi="http://www.w3.org/1999/XMLSchema-instance" xmlns:xsd="http://www.w3.org/1999/XMLSchema" xmlns:{cwmp}="{ns}"`,
			Newline: "\n", FinalNewline: true, Typed: true, CountFormat: "%d",
			TimeLayout: "2006-01-02T15:04:05", True: "1", False: "0",
		},
		Header: []HeaderLine{
			{"Host: {host}", Always},
			{"User-Agent: CPE Netcwmp Agent", Always},
			{"Accept: */*", Always},
			{"Content-Type: text/xml; charset=utf-8", Always},
			{"Content-Length: {length}", Always},
			{"Authorization: {authorization}", Always},
			{"Cookie: {cookie}", Always},
		},
		EmptyFirst: true, AuthoriseOnce: true, NoReconnect: true,
		Digest:  DigestForm{RFC2069: true, URI: "empty"},
		Cookies: CookiesFromInform,
		Rules:   Rules{NeedReason: true, NoChunked: true, MaxLine: 1024, MaxFields: 64, QualifiedNames: true},
	}
}

func netcwmpParams(root string) []Parameter {
	return []Parameter{
		{Name: root + "DeviceSummary"},
		{Name: root + "DeviceInfo.Manufacturer", Value: "NetCo"},
		{Name: root + "DeviceInfo.ManufacturerOUI", Value: "A00001"},
		{Name: root + "DeviceInfo.ProductClass", Value: "OT2800"},
		{Name: root + "DeviceInfo.SerialNumber", Value: "NET0001"},
		{Name: root + "DeviceInfo.SpecVersion", Value: "V1.0"},
		{Name: root + "DeviceInfo.HardwareVersion", Value: "V1.0"},
		{Name: root + "DeviceInfo.SoftwareVersion", Value: "V1.2.7.29", Writable: true},
		{Name: root + "DeviceInfo.ProvisioningCode", Value: "OT2800", Writable: true},
		{Name: root + "ManagementServer.ConnectionRequestURL", Value: "http://127.0.0.1:5400"},
		{Name: root + "ManagementServer.ParameterKey"},
		{Name: root + "ManagementServer.Username", Value: "cpe1", Writable: true},
		{Name: root + "ManagementServer.Password", Value: "cpepw", Writable: true},
		{Name: root + "ManagementServer.ConnectionRequestUsername", Value: "cruser", Writable: true},
		{Name: root + "ManagementServer.ConnectionRequestPassword", Value: "crpass", Writable: true},
		{Name: root + "ManagementServer.URL", Value: "http://127.0.0.1:7547/", Writable: true},
		{Name: root + "WANDevice.1.WANConnectionDevice.1.WANIPConnection.1.ExternalIPAddress"},
	}
}

func tr069agent() Make {
	root := "InternetGatewayDevice."
	return Make{
		Name: "tr069agent", Summary: "Orange's generic agent (C); pre-emptive Basic, or an empty POST to fetch the challenge",
		Device: cwmp.DeviceID{Manufacturer: "MyManufacturer", OUI: "0016AE", ProductClass: "TR69Generic", SerialNumber: "ORA"},
		Root:   root,
		Inform: []Parameter{
			{Name: root + "DeviceSummary", Value: "myDeviceSummary"},
			{Name: root + "DeviceInfo.HardwareVersion", Value: "HV1.0.0"},
			{Name: root + "DeviceInfo.SoftwareVersion", Value: "SV1.0.5"},
			{Name: root + "DeviceInfo.ProvisioningCode", Writable: true},
			{Name: root + "DeviceInfo.SpecVersion", Value: "1.0"},
			{Name: root + "ManagementServer.ParameterKey"},
			{Name: root + "ManagementServer.ConnectionRequestURL", Value: "http://127.0.0.1:50805/hLqWfdgEd6MuXK0A"},
			{Name: root + "ManagementServer.UDPConnectionRequestAddress"},
			{Name: root + "ManagementServer.STUNEnable", Value: "1", Type: "boolean", Writable: true},
			{Name: root + "ManagementServer.STUNServerAddress", Value: "127.0.0.1", Writable: true},
			{Name: root + "ManagementServer.STUNServerPort", Value: "3478", Type: "int", Writable: true},
			{Name: root + "ManagementServer.NATDetected", Value: "0", Type: "boolean"},
		},
		Style: Style{
			Declaration: `<?xml version="1.0"?>` + "\r\n",
			Prefix:      "soapenv", EncPrefix: "soapenc", CWMPPrefix: "cwmp", Namespace: "urn:dslforum-org:cwmp-1-0",
			Declarations: compactDeclarations,
			Newline:      "\r\n", HeaderInline: true, CountFormat: "%02d", MirrorPrefix: true,
			TimeLayout: "2006-01-02T15:04:05Z", True: "1", False: "0",
		},
		Header: []HeaderLine{
			{"Host: {host}", Always},
			{"Authorization: {authorization}", Always},
			{"Accept: */*", Always},
			{"Cookie: {cookie}", Always},
			{`Content-Type: text/xml; charset="utf-8"`, BodyProbe},
			{"Content-Length: {length}", Always},
		},
		EmptyFirst: true, PreemptiveBasic: true,
	}
}

// genieacsSim keeps its cookie over sessions, as its capture shows.
func genieacsSim() Make {
	root := "InternetGatewayDevice."
	style := compactStyle()
	style.TimeLayout, style.RandomID, style.ObjectsInNames = "2006-01-02T15:04:05.000Z", true, true
	style.True, style.False = "true", "false"
	style.InformCount = 16 // of seven parameters
	return Make{
		Name: "genieacs-sim", Summary: "genieacs-sim (JavaScript); dies on any status but 2xx",
		Device: cwmp.DeviceID{Manufacturer: "Huawei Technologies Co., Ltd.", OUI: "202BC1", ProductClass: "BM632w", SerialNumber: "000"},
		Root:   root,
		Inform: []Parameter{
			{Name: root + "DeviceInfo.SpecVersion", Value: "1"},
			{Name: root + "DeviceInfo.HardwareVersion", Value: "40501"},
			{Name: root + "DeviceInfo.SoftwareVersion", Value: "V100R001IRQC56B017"},
			{Name: root + "DeviceInfo.ProvisioningCode", Writable: true},
			{Name: root + "ManagementServer.ParameterKey"},
			{Name: root + "ManagementServer.ConnectionRequestURL", Value: "http://127.0.0.1:49137/"},
			{Name: root + "WANDevice.1.WANConnectionDevice.1.WANIPConnection.1.ExternalIPAddress", Value: "172.3.89.139"},
		},
		Style: style,
		Header: []HeaderLine{
			{"Content-Length: {length}", Always},
			{`Content-Type: text/xml; charset="utf-8"`, Always},
			{"Authorization: {authorization}", Always},
			{"Cookie: {cookie}", Always},
			{"Host: {host}", Always},
			{"Connection: keep-alive", Always},
		},
		PreemptiveBasic: true, KeepCookies: true,
		Rules: Rules{Only2xx: true},
	}
}
