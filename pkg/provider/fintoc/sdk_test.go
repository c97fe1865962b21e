package fintoc_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hookfold/hookfold/pkg/provider"
	"github.com/hookfold/hookfold/pkg/provider/fintoc"
	"github.com/hookfold/hookfold/pkg/provider/providertest"
)

// sdkEnv names a Python that has Fintoc's official SDK.
const sdkEnv = "HOOKFOLD_FINTOC_SDK_PYTHON"

// sdkProgram has the SDK verify deliveries from its standard input, a list of them as JSON, and prints what it says to each:
// an empty text, or the name of the exception. The SDK holds times against its own clock, which is set to the arrival.
const sdkProgram = `
import json, sys
from unittest import mock
from fintoc.errors import WebhookSignatureError
from fintoc.webhook import WebhookSignature

def verdict(d):
    try:
        with mock.patch("time.time", lambda: d["now"]):
            WebhookSignature.verify_header(d["body"], d["header"], d["secret"], 300)
        return ""
    except WebhookSignatureError as e:
        return type(e).__name__

json.dump([verdict(d) for d in json.load(sys.stdin)], sys.stdout)
`

// sdkDelivery is a delivery for the SDK, whose bodies are texts.
type sdkDelivery struct {
	Body   string `json:"body"`
	Header string `json:"header"`
	Secret string `json:"secret"`
	Now    int64  `json:"now"`
}

// TestSDK: Fintoc's own code lets in every sample, and refuses what our verifier refuses of them.
func TestSDK(t *testing.T) {
	python := os.Getenv(sdkEnv)
	if python == "" {
		t.Skipf("%s names no Python with Fintoc's SDK; to check against it: %s=$(.ci/fintoc-sdk) go test ./pkg/provider/fintoc -run SDK", sdkEnv, sdkEnv)
	}
	conn, all := providertest.Load(t, samples)
	var deliveries []sdkDelivery
	var ours []string
	add := func(s providertest.Sample, change func(*sdkDelivery)) {
		d := sdkDelivery{string(s.Delivery.Body), s.Delivery.Header.Get(fintoc.SignatureHeader), conn.Secrets[0], s.Delivery.Received.Unix()}
		change(&d)
		deliveries = append(deliveries, d)
		ours = append(ours, verdict(t, d))
	}
	for _, s := range all {
		add(s, func(*sdkDelivery) {})
		add(s, func(d *sdkDelivery) { d.Body += " " })
		add(s, func(d *sdkDelivery) { d.Secret += "x" })
		add(s, func(d *sdkDelivery) { d.Secret = d.Secret[len("whsec_"):] })
		add(s, func(d *sdkDelivery) { d.Header += ",v2=bad" })
		add(s, func(d *sdkDelivery) { d.Header = d.Header[:len(d.Header)-1] })
		add(s, func(d *sdkDelivery) { d.Now += 400 })
	}
	input, err := json.Marshal(deliveries)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", sdkProgram)
	cmd.Stdin = bytes.NewReader(input)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s with Fintoc's SDK: %v\n%s", python, err, problems.String())
	}
	var theirs []string
	if err := json.Unmarshal(output, &theirs); err != nil {
		t.Fatalf("the SDK's verdicts: %v", err)
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("Fintoc's SDK (-) and our verifier (+) differ: %s", diff)
	}
	accepted := 0
	for _, v := range theirs {
		if v == "" {
			accepted++
		}
	}
	if want := 2 * len(all); accepted != want { // each as it is, and with another scheme beside
		t.Errorf("the SDK lets in %d of %d deliveries, want %d", accepted, len(theirs), want)
	}
}

// verdict is what our verifier says, in the SDK's words.
func verdict(t *testing.T, d sdkDelivery) string {
	t.Helper()
	v, err := fintoc.New().Verifier(provider.Connection{Name: "sdk", Secrets: []string{d.Secret}})
	if err != nil {
		t.Fatal(err)
	}
	delivery := provider.Delivery{Header: map[string][]string{fintoc.SignatureHeader: {d.Header}}, Body: []byte(d.Body), Received: time.Unix(d.Now, 0)}
	if _, err := v.Verify(&delivery); err != nil {
		return "WebhookSignatureError"
	}
	return ""
}
