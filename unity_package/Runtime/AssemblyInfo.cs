using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Dreamport.Editor")]
[assembly: InternalsVisibleTo("Dreamport.Tests")]
[assembly: InternalsVisibleTo("Dreamport.Live")]
