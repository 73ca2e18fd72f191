package console

import (
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/admin"
)

// maxList bounds a list of devices that is pasted or uploaded, in bytes: more than
// 100 000 devices. The command line has no such bound.
const maxList = 4 << 20

// maxMigration bounds the form as a whole. A list is pasted, uploaded, or both.
const maxMigration = 2*maxList + maxForm

// newMigration is what the form has before anything was typed.
func newMigration(query url.Values) *form {
	f := &form{values: url.Values{
		"kind": {"migration"}, "mode": {"route"}, "waves": {"1, 10, 100"}, "wake": {"1"}, "arrived": {"90"}, "on_failure": {"halt"},
	}}
	for _, name := range []string{"from", "to", "oui", "product_class", "software_version"} {
		if v := query[name]; len(v) > 0 {
			f.values[name] = v
		}
	}
	return f
}

// readMigration reads what was typed. The form has the uploaded list among what was
// pasted, for a browser does not send a file twice.
func readMigration(r *http.Request) (*form, admin.CampaignRequest) {
	f := &form{values: r.PostForm}
	f.upload(r.MultipartForm)
	goals := admin.CampaignGoals{
		Arrived: f.number("arrived", 100), SecondSession: f.number("second_session", 100), FaultRate: f.optional("fault_rate", 100),
		Within: f.duration("within"), MinSample: int(f.number("min_sample", 1e6)), OnFailure: f.text("on_failure"),
	}
	wanted := admin.CampaignRequest{
		Name: f.text("name"), Kind: f.text("kind"), From: f.values["from"], To: f.text("to"), Mode: f.text("mode"),
		Selector: f.selector(), Everything: f.on("everything"), Waves: f.waves(), Criteria: goals,
		RatePerSecond: f.number("rate", 1e5), Wake: f.on("wake"), Mirror: f.on("mirror"),
		ArriveWithin: f.duration("arrive_within"), RewriteAfter: f.duration("rewrite_after"),
	}
	if wanted.Name == "new" {
		f.wrong("name", "No campaign can have the name new: its page would be this one.")
	}
	return f, wanted
}

func (f *form) selector() admin.CampaignDevices {
	return admin.CampaignDevices{
		OUI: f.list("oui"), ProductClass: f.list("product_class"), Serial: f.list("serial"), SoftwareVersion: f.list("software_version"),
		Manufacturer: f.list("manufacturer"), Source: f.list("source"), ACS: f.list("acs"), Percent: f.optional("percent", 100),
		Devices: devicesIn(f.values.Get("devices")),
	}
}

// waves reads the steps, in percent. None is one wave of all.
func (f *form) waves() (all []admin.CampaignWave) {
	for _, text := range f.list("waves") {
		text = strings.TrimSpace(strings.TrimSuffix(text, "%"))
		n, ok := numberOf(text, 100)
		if !ok || n == 0 {
			f.wrong("waves", strconv.Quote(text)+" is no share of the devices: write percentages that rise, such as 1, 10, 100.")
			return nil
		}
		all = append(all, admin.CampaignWave{Percent: n})
	}
	return all
}

// devicesIn returns the devices of a list, nil for none. Lines that begin with #
// say nothing.
func devicesIn(text string) (all []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		all = append(all, strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) })...)
	}
	return all
}

// upload adds the list of a file to what was pasted.
func (f *form) upload(m *multipart.Form) {
	if len(f.values.Get("devices")) > maxList {
		f.wrong("devices", tooLong)
	}
	if m == nil {
		return
	}
	for _, header := range m.File["list"] {
		if header.Size == 0 && header.Filename == "" {
			continue // no file was chosen
		}
		text, err := readUpload(header)
		switch {
		case err != nil:
			f.wrong("list", "The file cannot be read: "+err.Error()+".")
		case len(text) > maxList:
			f.wrong("list", tooLong)
		case devicesIn(text) == nil:
			f.wrong("list", "The file "+strconv.Quote(header.Filename)+" lists no device.")
		default:
			f.values.Set("devices", strings.TrimLeft(f.values.Get("devices")+"\n"+text, "\n"))
		}
	}
}

const tooLong = "The list has more than 4 MB. Longer ones are for acsgate campaigns create."

func readUpload(header *multipart.FileHeader) (string, error) {
	file, err := header.Open()
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxList+1))
	return strings.TrimPrefix(string(text), "\ufeff"), err // spreadsheets begin with it
}
