package main

import (
	"encoding/json"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints the module's version, or the commit where it was built from a checkout.
func (*versionCmd) Run(w *world) error {
	v := struct {
		Version string `json:"version"`
		Commit  string `json:"commit,omitempty"`
		Go      string `json:"go"`
	}{Version: "(unknown)"}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version, v.Go = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	if w.json {
		return json.NewEncoder(w.stdout).Encode(v)
	}
	w.say(w.stdout, "hookfold %s %s\n", v.Version, v.Go)
	return nil
}
