"""How pages say in another language what services said in English."""
