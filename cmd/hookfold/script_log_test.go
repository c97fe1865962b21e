package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	_ "github.com/mattn/go-sqlite3" // the scripts look at the store as a user's tool would
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hookfold/hookfold/pkg/event"
	"github.com/hookfold/hookfold/pkg/kafka"
	"github.com/hookfold/hookfold/worker"
)

// rowCmd waits until a query of the store gives the wanted lines, columns parted by bars as the sqlite3 shell parts them.
func rowCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: row QUERY LINE…")
	}
	want := strings.Join(args[1:], "\n")
	waitFor(ts, func() error {
		got, err := query(storeOf(ts), args[0])
		if err == nil && got != want {
			err = fmt.Errorf("%s\n got %q\nwant %q", args[0], got, want)
		}
		return err
	})
}

// rowsCmd writes what the store answers to a file, or waits until it answers what a file holds.
func rowsCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || args[1] != ">" && args[1] != "<" {
		ts.Fatalf("usage: rows QUERY > FILE, rows QUERY < FILE")
	}
	if args[1] == "<" {
		rowCmd(ts, neg, []string{args[0], strings.TrimSuffix(ts.ReadFile(args[2]), "\n")})
		return
	}
	got, err := query(storeOf(ts), args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(got+"\n"), 0o600))
}

func storeOf(ts *testscript.TestScript) string { return ts.MkAbs(ts.Getenv("STORE")) }

func query(path, text string) (_ string, err error) {
	db, err := sql.Open("sqlite3", "file:"+path+"?mode=ro")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.Query(text)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var lines []string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = c.String
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
	return strings.Join(lines, "\n"), rows.Err()
}

// recordsCmd counts the records of the topic at $BROKER, each of which must be a valid CloudEvent. No wait: a 200 means
// that the record is there, a refusal that it is not.
func recordsCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: records N")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	ts.Check(readLog(ts.Getenv("BROKER"), func(r kafka.Record) error {
		got++
		m, err := worker.Marshaler().Unmarshal(r)
		if err != nil {
			return err
		}
		_, err = event.Parse(m)
		return err
	}))
	if got != want {
		ts.Fatalf("the log holds %d records, want %d", got, want)
	}
}

// readLog calls each with every record of the default topic.
func readLog(broker string, each func(kafka.Record) error) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := kafka.NewReader(kafka.ReaderConfig{Config: kafka.Config{Brokers: []string{broker}}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, ends, err := r.Offsets(ctx, "hookfold.events")
	if err != nil {
		return err
	}
	var ranges []kafka.Range
	for p := range ends {
		ranges = append(ranges, kafka.Range{Topic: "hookfold.events", Partition: p, From: 0, To: -1})
	}
	return r.Read(ctx, ranges, each)
}
