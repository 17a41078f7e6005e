// Search in pages that are opened from the disk. Browsers start no worker there: the same script
// runs in a hidden frame instead. Pages that come from a server keep their workers.
class FrameWorker extends EventTarget {
  constructor(url) {
    super();
    this.frame = document.createElement("iframe");
    this.frame.hidden = true;
    this.frame.worker = this;
    this.frame.srcdoc = `
      <script>
        postMessage = data =>
          frameElement.worker.dispatchEvent(new MessageEvent("message", { data }));
      </script>
      <script src="${url}"></script>`;
    this.loaded = new Promise(resolve => this.frame.addEventListener("load", resolve));
    document.body.append(this.frame);
  }

  postMessage(data) {
    this.loaded.then(() =>
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })),
    );
  }

  terminate() {
    this.frame.remove();
  }
}

if (location.protocol === "file:") window.Worker = FrameWorker;
