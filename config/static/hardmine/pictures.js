// Images of the samples that come next: they are there before they are asked for.

export class Pictures {
  #ahead = [];

  /** The image of an address, decoded; a broken one shows as such. */
  async ready(address) {
    const image = this.#of(address);
    await image.decode().catch(() => {});
    return image;
  }

  /** Loads what will be shown next, and lets go of the rest. */
  expect(addresses) {
    this.#ahead = addresses.map((address) => this.#of(address));
  }

  #of(address) {
    const image = this.#ahead.find((one) => one.src === new URL(address, location).href) ?? new Image();
    image.src ||= address;
    return image;
  }
}
