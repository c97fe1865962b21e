package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience bounds every wait of a script. What is waited for comes within a second; only a fault lets the time pass.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hookfold": main})
}

// TestScripts drives the program as a user would: processes, HTTP, files. The commands beside testscript's own:
//
//	start [NAME=]ARGS…   runs hookfold ARGS on free ports and waits until it says that it is up; its addresses become
//	                     $URL, $ADMIN, $BROKER, $STORE (in capitals after NAME_ where a name is given), its words NAME.out
//	end NAME SIGNAL      sends KILL or TERM and waits; after TERM the exit code must be 0 and 10 s must suffice
//	deliver              posts a body, signed as asked; see deliverCmd
//	paste FILE           carries out the curl command that stands in a file
//	row QUERY WANT       waits until the store answers a query with these lines
//	rows QUERY > FILE    writes the answer of the store to a file
//	rows QUERY < FILE    waits until the store answers a query with what a file holds
//	records N            the log holds exactly N records, all of them valid CloudEvents
//	ready CODE [TEXT]    waits until /readyz answers with a status, and a text
//	page PATH TEXT…      waits until a page of the console holds these texts; see pageCmd
//	head N FILE TEXT     line N of a file holds a text
//	mode OCTAL FILE      a file has these permissions
//	api DIR              plays a provider's API from files; see apiCmd
//	code N ARGS…         hookfold ARGS exits with this code
//
// $LASTWEEK is midnight seven days ago.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Values[processes{}] = map[string]*running{}
			e.Setenv("LASTWEEK", time.Now().UTC().Add(-7*24*time.Hour).Truncate(24*time.Hour).Format(time.RFC3339))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":   startCmd,
			"end":     endCmd,
			"deliver": deliverCmd,
			"paste":   pasteCmd,
			"row":     rowCmd,
			"rows":    rowsCmd,
			"records": recordsCmd,
			"ready":   readyCmd,
			"page":    pageCmd,
			"head":    headCmd,
			"mode":    modeCmd,
			"api":     apiCmd,
			"code":    codeCmd,
		},
		Condition: func(cond string) (bool, error) {
			if name, ok := strings.CutPrefix(cond, "have:"); ok {
				_, err := exec.LookPath(name)
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

// processes is the key under which a script keeps what it runs.
type processes struct{}

type running struct {
	cmd    *exec.Cmd
	exited chan error
}

func startCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: start [NAME=]COMMAND ARGS…")
	}
	name, command, named := strings.Cut(args[0], "=")
	prefix := strings.ToUpper(name) + "_"
	if !named {
		name, command, prefix = args[0], args[0], ""
	}
	args = append([]string{command}, args[1:]...)
	given := strings.Join(args, " ") + " "
	for _, f := range []string{"--output=json", "--listen=127.0.0.1:0", "--admin=127.0.0.1:0"} {
		if flag, _, _ := strings.Cut(f, "="); !strings.Contains(given, flag) {
			args = append(args, f)
		}
	}
	if command == "up" && !strings.Contains(given, "--brokers") {
		args = append(args, "--brokers=127.0.0.1:0")
	}
	path, err := lookPath(ts, "hookfold")
	ts.Check(err)
	cmd := exec.Command(path, args...)
	cmd.Dir = ts.MkAbs(".")
	for _, v := range []string{"PATH", "HOME", "TMPDIR", "GOCOVERDIR", "API"} {
		cmd.Env = append(cmd.Env, v+"="+ts.Getenv(v))
	}
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	stderr, err := os.OpenFile(ts.MkAbs(name+".err"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	cmd.Stderr = stderr
	ts.Check(cmd.Start())
	r := &running{cmd, make(chan error, 1)}
	ts.Value(processes{}).(map[string]*running)[name] = r
	up := make(chan string, 1)
	var reader sync.WaitGroup
	reader.Go(func() { announced(stdout, up) })
	go func() {
		reader.Wait() // a pipe must be read to its end before Wait
		r.exited <- errors.Join(cmd.Wait(), stderr.Close())
	}()
	ts.Defer(func() {
		cmd.Process.Kill() // it may be gone already, as it should
		reader.Wait()
	})
	select {
	case text := <-up:
		if text == "" {
			ts.Fatalf("%s ended before it was up: %s", name, ts.ReadFile(name+".err"))
		}
		ts.Check(os.WriteFile(ts.MkAbs(name+".out"), []byte(text), 0o600))
		export(ts, prefix, text)
	case <-time.After(patience):
		ts.Fatalf("%s is not up after %v: %s", name, patience, ts.ReadFile(name+".err"))
	}
}

// announced reads what a process says until it has said that it is up, sends that, and reads on to the end.
func announced(stdout io.Reader, up chan<- string) {
	var text strings.Builder
	said := false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if line := lines.Text(); !said && (strings.HasPrefix(line, "{") || strings.HasPrefix(line, "Ctrl-C")) {
			said = true
			up <- text.String()
		}
	}
	if !said {
		up <- ""
	}
}

// export makes a process's addresses variables of the script.
func export(ts *testscript.TestScript, prefix, text string) {
	var report struct{ URL, Listen, Admin, Broker, Store string }
	if !strings.HasPrefix(text, "{") {
		return // the words for people: their addresses are not needed
	}
	ts.Check(json.Unmarshal([]byte(text), &report))
	if report.URL == "" && report.Listen != "" {
		report.URL = "http://" + report.Listen
	}
	if report.Admin != "" && !strings.HasPrefix(report.Admin, "http") {
		report.Admin = "http://" + report.Admin
	}
	for name, value := range map[string]string{"URL": report.URL, "ADMIN": report.Admin, "BROKER": report.Broker, "STORE": report.Store} {
		if value != "" {
			ts.Setenv(prefix+name, value)
		}
	}
}

func endCmd(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "INT": syscall.SIGINT}
	if neg || len(args) != 2 || signals[args[1]] == 0 {
		ts.Fatalf("usage: end NAME KILL|TERM|INT")
	}
	all := ts.Value(processes{}).(map[string]*running)
	r := all[args[0]]
	if r == nil {
		ts.Fatalf("%s is not running", args[0])
	}
	delete(all, args[0])
	began := time.Now()
	ts.Check(r.cmd.Process.Signal(signals[args[1]]))
	select {
	case err := <-r.exited:
		if args[1] != "KILL" && err != nil {
			ts.Fatalf("%s after %s: %v\n%s", args[0], args[1], err, ts.ReadFile(args[0]+".err"))
		}
		ts.Logf("%s stopped after %v", args[0], time.Since(began).Round(time.Millisecond))
	case <-time.After(stopLimit + time.Second):
		ts.Fatalf("%s is still there %v after %s", args[0], stopLimit, args[1])
	}
}

// lookPath finds a program on the script's own path.
func lookPath(ts *testscript.TestScript, name string) (string, error) {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		path := dir + string(os.PathSeparator) + name
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s on the script's path", name)
}
