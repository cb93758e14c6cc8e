// The WebSocket: messages out, messages in, and again after it was lost.

const AGAIN_AFTER = 1000;

export class Connection {
  /** `told` takes every message; `changed` is called with true when there is a connection and false when there is none. */
  constructor(told, changed) {
    this.told = told;
    this.changed = changed;
    this.turn = 0;
    this.open();
  }

  open() {
    this.socket = new WebSocket(`ws://${location.host}/live`);
    this.socket.onopen = () => this.changed(true);
    this.socket.onmessage = (event) => this.told(JSON.parse(event.data));
    this.socket.onclose = () => {
      this.changed(false);
      setTimeout(() => this.open(), AGAIN_AFTER);
    };
  }

  /** Send a message, and return its turn. */
  say(message) {
    this.turn += 1;
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ ...message, turn: this.turn }));
    return this.turn;
  }
}
