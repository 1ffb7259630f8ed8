"""`make demo`: from nothing to an invoice, with the real SAM CLI, on one screen.

Starts a node (or uses the one that is up), builds and deploys `examples/order-to-invoice`, places an order, and
shows the event, the rule that matched, what the functions logged, the invoice and where its PDF lies.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nightbus.store.folder import folder_holder

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "order-to-invoice"
WORK = Path(os.environ.get("NIGHTBUS_DEMO_FOLDER") or ROOT / ".nightbus" / "demo")
BIN = Path(sys.executable).parent
RUNTIME = f"python3.{sys.version_info.minor}"
STACK = "order-to-invoice"
REGION = "us-east-1"

console = Console(highlight=False)
T = TypeVar("T")


class DemoFailed(Exception):
    """A step did not work; the text says which and what was printed."""


@dataclass(frozen=True)
class Way:
    """What one order left behind."""

    event: dict[str, Any]
    order_log: str
    invoice: dict[str, Any]
    pdf: Path
    key: str
    bucket: str
    invoice_log: list[str]
    ledger: dict[str, Any]


def main() -> int:
    began = time.monotonic()
    try:
        with console.status("Starting a node ...") as status:
            endpoint = step(status, "Node", running_node)
            environment = tool_environment(endpoint)
            step(status, "Build (sam build)", lambda: sam_build(environment))
            step(status, "Deploy (sam deploy)", lambda: sam_deploy(environment))
            way = step(status, "Order", lambda: place_order(endpoint, environment))
    except DemoFailed as failure:
        console.print(f"[red]The demo stopped:[/] {failure}")
        return 1
    console.print(screen(way))
    # Unbroken lines: a command that is broken at the screen's edge cannot be copied.
    console.print(how_to_go_on(endpoint, way, time.monotonic() - began), soft_wrap=True)
    return 0


def step(status: Any, name: str, work: Callable[[], T]) -> T:
    status.update(f"{name} ...")
    began = time.monotonic()
    result = work()
    said = f"  {result}" if isinstance(result, str) else ""
    console.print(f"[green]✓[/] {name}{said} [dim]{time.monotonic() - began:.1f} s[/]")
    return result


def running_node() -> str:
    """The endpoint of the node that is up and takes our key, or of one that stays up after the demo."""
    before = folder_holder(WORK / "data")
    if before is not None and before.port:
        return f"http://127.0.0.1:{before.port}"
    found = run(["nightbus", "status", "--json"], environment=dict(os.environ), check=False)
    if found.returncode == 0:
        endpoint = str(json.loads(found.stdout)["endpoint"])
        if takes_our_key(endpoint):
            return endpoint
    WORK.mkdir(parents=True, exist_ok=True)
    taken = found.returncode == 0 or "not a Nightbus" in found.stderr
    log = WORK / "node.log"
    with log.open("w") as sink:
        node = subprocess.Popen(
            [
                str(BIN / "nightbus"),
                "start",
                "--data",
                str(WORK / "data"),
                "--no-memory",
                "--no-profile",
                *(["--port", "0"] if taken else []),
            ],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    def ready_at() -> str | None:
        text = log.read_text()
        if node.poll() is not None:
            raise DemoFailed(f"the node did not start.\n{text}")
        return text.split(" is ready at ", 1)[1].split()[0] if " is ready at " in text else None

    return until(ready_at, "the node to be ready")


def takes_our_key(endpoint: str) -> bool:
    """Whether the node accepts the key that `nightbus env` prints: the node may be another user's."""
    environment = tool_environment(endpoint)
    key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    try:
        boto3.Session(key, secret, region_name=REGION).client(
            "sts", endpoint_url=endpoint
        ).get_caller_identity()
    except (BotoCoreError, ClientError):
        return False
    return True


def tool_environment(endpoint: str) -> dict[str, str]:
    """The environment of the tools, with what `nightbus env` prints for the node."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = ["nightbus", "env", "--region", REGION, "--port", endpoint.rsplit(":", 1)[1]]
    lines = shlex.split(run(command, kept).stdout, comments=False)
    exported = dict(line.split("=", 1) for line in lines if "=" in line)
    return (
        kept
        | exported
        | {
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
            "SAM_CLI_TELEMETRY": os.environ.get("SAM_CLI_TELEMETRY", "0"),
        }
    )


def sam_build(environment: dict[str, str]) -> None:
    run(
        [
            "sam", "build", "--cached", "--parallel", "--parameter-overrides", f"Runtime={RUNTIME}",
            "--build-dir", str(WORK / "build"), "--cache-dir", str(WORK / "cache"),
        ],
        environment,
    )  # fmt: skip


def sam_deploy(environment: dict[str, str]) -> None:
    run(
        [
            "sam", "deploy", "--template-file", str(WORK / "build" / "template.yaml"), "--stack-name", STACK,
            "--region", REGION, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset",
            "--no-fail-on-empty-changeset", "--no-progressbar", "--parameter-overrides", f"Runtime={RUNTIME}",
        ],
        environment,
    )  # fmt: skip


def run(
    command: list[str], environment: dict[str, str], check: bool = True
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=EXAMPLE,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode != 0:
        raise DemoFailed(
            f"{' '.join(command[:2])} ended with {done.returncode}.\n{done.stdout[-3000:]}{done.stderr}"
        )
    return done


def place_order(endpoint: str, environment: dict[str, str]) -> Way:
    key, secret = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    session: Any = boto3.Session(key, secret, region_name=REGION)

    def client(service: str) -> Any:
        return session.client(service, endpoint_url=endpoint)

    stack = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    reply = client("lambda").invoke(
        FunctionName=outputs["OrderFunction"],
        LogType="Tail",
        Payload=(EXAMPLE / "events" / "order.json").read_bytes(),
    )
    answer = json.loads(reply["Payload"].read())
    if not answer.get("accepted"):
        raise DemoFailed(f"the order function answered {json.dumps(answer)}")
    event = until(lambda: delivered(environment, endpoint, answer["eventId"]), "the event to be delivered")
    bucket, s3 = outputs["InvoiceBucket"], client("s3")
    invoice = until(lambda: invoice_of_order(s3, bucket, answer["orderId"]), "the invoice")
    ledger = until(lambda: ledger_with(s3, bucket, invoice), "the ledger")
    key = f"invoices/{invoice['number']}.pdf"
    pdf = WORK / f"{invoice['number']}.pdf"
    pdf.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return Way(
        event=event,
        order_log=base64.b64decode(reply["LogResult"]).decode(),
        invoice=invoice,
        pdf=pdf,
        key=key,
        bucket=bucket,
        invoice_log=last_log(client("logs"), outputs["InvoiceFunction"], answer["eventId"]),
        ledger=ledger,
    )


def delivered(environment: dict[str, str], endpoint: str, event_id: str) -> dict[str, Any] | None:
    """What the node says of the event, once each of its deliveries has an outcome."""
    command = ["nightbus", "explain", event_id, "--json", "--port", endpoint.rsplit(":", 1)[1]]
    found: dict[str, Any] = json.loads(run(command, environment).stdout)
    matched = [rule for rule in found["rules"] if rule["matched"]]
    return found if matched and all(rule["deliveries"] for rule in matched) else None


def invoice_of_order(s3: Any, bucket: str, order_id: str) -> dict[str, Any] | None:
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="invoices/").get("Contents", [])
    newest = sorted(
        (entry for entry in listed if entry["Key"].endswith(".json")), key=lambda entry: entry["Key"]
    )
    for entry in reversed(newest):
        found: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
        if found["orderId"] == order_id:
            return found
    return None


def ledger_with(s3: Any, bucket: str, invoice: dict[str, Any]) -> dict[str, Any] | None:
    key = f"ledger/{invoice['date']}.json"
    if not s3.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"):
        return None
    ledger: dict[str, Any] = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return ledger if invoice["number"] in ledger["entries"] else None


def last_log(logs: Any, function: str, event_id: str) -> list[str]:
    """The lines of the invocation that got the event."""

    def lines() -> list[str] | None:
        found = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        messages = [event["message"].rstrip() for page in found for event in page["events"]]
        at = next((at for at, line in enumerate(messages) if event_id in line), None)
        rest = messages[at:] if at is not None else []
        end = next((end for end, line in enumerate(rest) if line.startswith("REPORT")), None)
        return None if end is None else rest[: end + 1]

    return until(lines, "the invoice function's log")


def until(condition: Callable[[], T | None], what: str, seconds: float = 30.0) -> T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value is not None:
            return value
        time.sleep(0.05)
    raise DemoFailed(f"waited {seconds:.0f} s for {what}, in vain")


def screen(way: Way) -> Group:
    event = way.event["event"]
    rules = [rule for rule in way.event["rules"] if rule["matched"]]
    matched = Text()
    for rule in rules:
        matched.append(f"{rule['rule']}  ", style="bold")
        targets = ", ".join(f"{one['target']}: {one['outcome']}" for one in rule["deliveries"])
        matched.append(f"→ {targets}\n")
    for rule in way.event["rules"]:
        if not rule["matched"]:
            matched.append(f"{rule['rule']}  did not: {rule['why']}\n", style="dim")
    matched.rstrip()
    return Group(
        panel("1  The order function published an event", Text(json.dumps(event, indent=2))),
        panel("2  The rule that matched", matched),
        panel("3  What the functions logged", logs_text(way)),
        panel("4  The invoice", invoice_table(way)),
    )


def panel(title: str, content: Any) -> Panel:
    return Panel(content, title=title, title_align="left", border_style="blue")


def logs_text(way: Way) -> Text:
    shown = [("order", line) for line in way.order_log.splitlines()]
    shown += [("invoice", line) for line in way.invoice_log]
    text = Text(overflow="ellipsis", no_wrap=True)
    for name, line in shown:
        text.append(f"{name:8}", style="cyan")
        text.append(line.replace("\t", "  ") + "\n")
    text.rstrip()
    return text


def invoice_table(way: Way) -> Group:
    invoice = way.invoice
    table = Table(box=None, pad_edge=False)
    table.add_column(f"{invoice['number']} for {invoice['customer']['name']}")
    for name in ("quantity", "price", "amount"):
        table.add_column(name, justify="right")
    for line in invoice["lines"]:
        table.add_row(line["name"], str(line["quantity"]), line["price"], line["amount"])
    table.add_row("net", "", "", invoice["net"], style="dim")
    table.add_row(f"tax {float(invoice['taxRate']):.0%}", "", "", invoice["tax"], style="dim")
    table.add_row("total", "", invoice["currency"], invoice["total"], style="bold")
    totals = ", ".join(f"{amount} {currency}" for currency, amount in way.ledger["totals"].items())
    entries = len(way.ledger["entries"])
    where = Text.assemble(
        "\nPDF     ", (f"s3://{way.bucket}/{way.key}\n", "bold"),
        "        ", (shown(way.pdf), "bold"), " (a copy for you to open)\n",
        f"Ledger  {entries} {'invoice' if entries == 1 else 'invoices'} today, {totals} in all",
    )  # fmt: skip
    return Group(table, where)


def shown(path: Path) -> str:
    """As one types it in the clone's folder."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def how_to_go_on(endpoint: str, way: Way, seconds: float) -> str:
    port = endpoint.rsplit(":", 1)[1]
    tools = shown(BIN)
    nightbus = f"{tools}/nightbus"
    option = "" if port == "4566" else f" --port {port}"
    return (
        f"[bold]Done in {seconds:.0f} s.[/] The node keeps running at {endpoint}. Continue from here:\n"
        f'  [bold]eval "$({nightbus} env{option})"[/]  then any of: sam, aws, cdk, boto3\n'
        f"  [bold]{nightbus} console{option}[/]   all of it in the browser: the map, the order's way, logs, live\n"
        f"  [bold]{nightbus} trace{option} {way.event['event']['id']}[/]   the order's trace\n"
        f"  [bold]{nightbus} events tail{option}[/]   what comes next, live\n"
        f"  [bold]{nightbus} run{option} -- {tools}/sam logs --stack-name {STACK} --tail[/]\n"
        f"  [bold]{nightbus} status{option}[/]   what the node holds\n"
        f"  [bold]{nightbus} stop{option}[/]     stop it; its data stays for the next start"
    )


if __name__ == "__main__":
    sys.exit(main())
