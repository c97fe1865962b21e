// Command hookfold records the webhooks of payment providers and folds them into state that can be trusted, queried and
// rebuilt.
//
// One file holds one command. This package is the only place that builds things out of several folders: parts.go holds
// what the commands are built of, process.go how a process of them starts and stops.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/hookfold/hookfold/internal/config"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1 // something that may work another time
	exitUsage   = 2 // the command line or the configuration is wrong
	defaultFile = "hookfold.yaml"
)

// cli is the command line. Settings are flags of every command; see flags.go.
type cli struct {
	ConfigFile string `name:"config" help:"Configuration file (hookfold.yaml if there)." env:"HOOKFOLD_CONFIG" placeholder:"FILE"`
	Format     string `name:"output" help:"Output for people (text) or programs (json)." enum:"text,json" default:"text" env:"HOOKFOLD_OUTPUT" placeholder:"text|json"`
	LogFormat  string `help:"Log lines as text or json." enum:"text,json" default:"text" env:"HOOKFOLD_LOG_FORMAT" placeholder:"text|json"`
	LogLevel   string `help:"Least level to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"HOOKFOLD_LOG_LEVEL" placeholder:"LEVEL"`
	Settings   flags  `embed:""`

	Up       upCmd       `cmd:"" help:"Everything in one process, on the embedded log."`
	Ingest   ingestCmd   `cmd:"" help:"The endpoint alone, against Kafka."`
	Worker   workerCmd   `cmd:"" help:"A consumer alone, against Kafka."`
	Explain  explainCmd  `cmd:"" help:"Why is this entity in this state?"`
	Prove    proveCmd    `cmd:"" help:"Would any other order have given another state?"`
	Rebuild  rebuildCmd  `cmd:"" help:"State again from the log."`
	Verify   verifyCmd   `cmd:"" help:"Is the state what the log says, and what the providers say?"`
	Diff     diffCmd     `cmd:"" help:"What differs between two stores?"`
	Parked   parkedCmd   `cmd:"" help:"Records that could not be folded: list, show, retry."`
	Lookup   lookupCmd   `cmd:"" help:"Ask the provider for one entity now; sweep the overdue ones."`
	Webhooks webhooksCmd `cmd:"" help:"Create, list, get, update, delete webhooks at the provider."`
	Simulate simulateCmd `cmd:"" help:"Play the providers: signed, duplicated, reordered, late, dropped; serves their APIs too."`
	Config   configCmd   `cmd:"" help:"Check the configuration, or print it with its secrets hidden."`
	Version  versionCmd  `cmd:"" help:"Which version this is."`
}

// world is what a command knows of its surroundings. Tests give their own.
type world struct {
	ctx            context.Context // ends when the process is told to stop
	stdout, stderr io.Writer
	lookupEnv      func(string) (string, bool)
	readFile       func(string) ([]byte, error)

	file   string            // the configuration file, empty for none
	flags  map[string]string // settings given on the command line
	json   bool
	logger *slog.Logger
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	os.Exit(run(os.Args[1:], &world{
		ctx: ctx, stdout: os.Stdout, stderr: os.Stderr, lookupEnv: os.LookupEnv, readFile: os.ReadFile,
	}))
}

// exited is what kong's wish to exit becomes, so that run can return instead.
type exited int

// run carries out a command line and returns its exit code.
func run(args []string, w *world) (code int) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(exited)
			if !ok {
				panic(p)
			}
			code = int(e)
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("hookfold"),
		kong.Description("Records the webhooks of payment providers in Kafka, byte for byte, and folds the log into SQLite.\n\n"+
			"Every setting below can also stand in the environment (--body-limit is HOOKFOLD_BODY_LIMIT) or in the configuration file (body_limit); "+
			"a flag wins over the environment, the environment over the file."),
		kong.Writers(w.stdout, w.stderr),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.Help(kong.DefaultHelpPrinter),
	)
	if err != nil {
		return w.fail(fmt.Errorf("the command line is not well defined: %w", err))
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return w.fail(&usageError{err.Error(), "hookfold --help shows what there is"})
	}
	w.file, w.flags, w.json = c.ConfigFile, given(parsed), c.Format == "json"
	w.logger = newLogger(w.stderr, c.LogFormat, c.LogLevel)
	if err := parsed.Run(w); err != nil {
		return w.fail(err)
	}
	return exitDone
}

// usageError is a command line that cannot be carried out.
type usageError struct{ text, mend string }

func (e *usageError) Error() string { return e.text + "; " + e.mend }

// reported is an error whose text was written already.
type reported struct{ error }

func (r reported) Unwrap() error { return r.error }

// fail reports an error for people and gives its exit code.
func (w *world) fail(err error) int {
	code := exitFailed
	if errors.As(err, new(*usageError)) || errors.As(err, new(*config.Error)) {
		code = exitUsage
	}
	if errors.As(err, new(different)) {
		return exitDifferent
	}
	if !errors.As(err, new(reported)) {
		w.say(w.stderr, "hookfold: %v\n", err)
	}
	return code
}

// say writes a line for people. Where that fails, nobody is there to be told.
func (w *world) say(to io.Writer, format string, args ...any) {
	//nolint:errcheck // see above
	fmt.Fprintf(to, format, args...)
}

func newLogger(to io.Writer, format, level string) *slog.Logger {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	options := &slog.HandlerOptions{Level: levels[level]}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}
