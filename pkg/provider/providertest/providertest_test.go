package providertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hookfold/hookfold/pkg/provider"
)

const acmeCredential = "tok_acme_0123456789"

func (a acme) features() Features {
	f := Features{
		Signed: a.signed, Timestamped: a.signed, Rotates: a.signed, EventTimes: a.signed, EventTypeInPath: !a.signed,
		Credentials: []string{acmeCredential},
		Secret:      func(n int) string { return fmt.Sprintf("acme-secret-%04d", n) },
	}
	if !a.signed {
		f.StatusPaths = []string{"state"}
		f.Connect = func(c provider.Connection, secrets ...string) provider.Connection {
			c.Authorization = provider.Authorization{Scheme: "BEARER"}
			if len(secrets) > 0 {
				c.Authorization.Value = secrets[0]
			}
			return c
		}
		f.Sign = func(c provider.Connection, d *provider.Delivery, _ time.Time) {
			d.Header.Set("Authorization", "Bearer "+c.Authorization.Value)
		}
		return f
	}
	f.Tolerance, f.TypePath, f.IDPath, f.StatusPaths = time.Minute, "type", "id", []string{"thing.state"}
	sign := func(version string) func(provider.Connection, *provider.Delivery, time.Time) {
		return func(c provider.Connection, d *provider.Delivery, at time.Time) {
			t := strconv.FormatInt(at.Unix(), 10)
			d.Header.Set(acmeHeader, version+"."+t+"."+acmeMAC(c.Secrets[0], t, d.Body))
		}
	}
	f.Sign, f.Downgrade = sign("v1"), sign("v0")
	return f
}

// write makes a directory of samples for a flavour of acme.
func (a acme) write(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	head := "HTTP/1.1\nHost: hookfold.example\nContent-Type: application/json\nHookfold-Received: 2026-03-02T09:15:05.25Z\n\n"
	thing := `{"id":"th_0000000001","state":"new","token":"` + acmeCredential + `"}`
	if a.signed {
		put("connection.json", `{"name":"acme-1","provider":"acme","secrets":["acme-secret-own"]}`)
		put("thing.made.http", "POST /webhooks/acme-1 "+head+`{"id":"ev_00000001","type":"thing.made","at":"2026-03-02T09:15:04Z","thing":`+thing+`}`)
	} else {
		put("connection.json", `{"name":"acme-1","provider":"acme","authorization":{"scheme":"BEARER","value":"acme-secret-own"}}`)
		put("THING_MADE.http", "POST /webhooks/acme-1/THING_MADE "+head+thing)
	}
	return dir
}

// TestAcme runs the whole suite on a sound provider of each flavour: samples are signed and goldens written, then held.
func TestAcme(t *testing.T) {
	for _, signed := range []bool{true, false} {
		t.Run(fmt.Sprintf("signed=%v", signed), func(t *testing.T) {
			a := acme{signed: signed, count: new(atomic.Int64)}
			dir := a.write(t)
			*update = true
			defer func() { *update = false }()
			Exercise(t, a, a.features(), dir)
			*update = false
			Exercise(t, a, a.features(), dir)
		})
	}
}

// Where the child finds which fault to have.
const envFault, envDir = "PROVIDERTEST_FAULT", "PROVIDERTEST_DIR"

// TestFaultyChild is the suite on a faulty provider, run by TestFaults in a process of its own.
func TestFaultyChild(t *testing.T) {
	flavour, fault, ok := strings.Cut(os.Getenv(envFault), "/")
	if !ok {
		return
	}
	a := acme{signed: flavour == "signed", fault: fault, count: new(atomic.Int64)}
	f := a.features()
	if fault == "declared with times" {
		f.EventTimes = true
	}
	if fault == "declared signed" {
		f.Signed, f.Downgrade = true, f.Sign
	}
	if fault == "declared a credential that is nowhere" {
		f.Credentials = append(f.Credentials, "tok_elsewhere")
	}
	Exercise(t, a, f, os.Getenv(envDir))
}

// TestFaults: the suite finds each fault, and by the test that is there for it.
func TestFaults(t *testing.T) {
	dirs := make(map[string]string)
	for _, signed := range []bool{true, false} {
		a := acme{signed: signed, count: new(atomic.Int64)}
		dir := a.write(t)
		*update = true
		Exercise(t, a, a.features(), dir)
		*update = false
		dirs[map[bool]string{true: "signed", false: "unsigned"}[signed]] = dir
	}
	for fault, where := range map[string]string{
		"signed/refuses nothing":                       "verify/headers",
		"signed/refusal leaks":                         "verify/secrets",
		"signed/refusal repeats the header":            "verify/headers",
		"signed/refusal of another type":               "verify/secrets",
		"signed/refusal with evidence":                 "verify/secrets",
		"signed/secret not needed":                     "verify/secrets",
		"signed/evidence without headers":              "verify/sample",
		"signed/touches the delivery":                  "verify/sample",
		"signed/downgraded":                            "verify/headers",
		"signed/no window":                             "verify/times",
		"signed/fixed window":                          "verify/times",
		"signed/no future":                             "verify/times",
		"signed/first secret only":                     "verify/secrets",
		"signed/signs what it parsed":                  "verify/bodies",
		"signed/check silent":                          "check",
		"signed/check leaks":                           "check",
		"signed/describes another entity":              "decode/sample",
		"signed/describes the arrival":                 "decode/description",
		"signed/forgets 404":                           "decode/not_found",
		"signed/decodes the truncated":                 "decode/truncated",
		"signed/panics":                                "decode/mutated",
		"signed/parks with the body":                   "decode/mutated",
		"signed/drops unknown statuses":                "decode/unknown_status",
		"signed/credential in the object":              "credentials",
		"signed/keeps the body":                        "decode/sample",
		"signed/counts":                                "decode/sample",
		"signed/another kind":                          "decode/sample",
		"signed/another source":                        "decode/sample",
		"signed/observes twice":                        "decode/sample",
		"signed/declared a credential that is nowhere": "credentials",
		"unsigned/refuses nothing":                     "verify/secrets",
		"unsigned/unmarked":                            "verify/sample",
		"unsigned/unmarked observation":                "decode/sample",
		"unsigned/records the credential":              "verify/sample",
		"unsigned/key of the bytes":                    "decode/description",
		"unsigned/ignores the path":                    "decode/description",
		"unsigned/declared with times":                 "features",
		"unsigned/declared signed":                     "verify/bodies",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			flavour, _, _ := strings.Cut(fault, "/")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaultyChild$")
			cmd.Env = append(os.Environ(), envFault+"="+fault, envDir+"="+dirs[flavour])
			out, err := cmd.CombinedOutput()
			if err == nil || !failed(string(out), where) {
				t.Errorf("error %v, want a failure in %s of:\n%.3000s", err, where, out)
			}
		})
	}
}

// failed says whether a test whose name ends so is among the failures of an output.
func failed(out, where string) bool {
	for line := range strings.Lines(out) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "--- FAIL: TestFaultyChild/")
		if name, _, _ = strings.Cut(name, " "); ok && (name == where || strings.HasSuffix(name, "/"+where)) {
			return true
		}
	}
	return false
}
